//! Text of the program with expressions in its holes.

use super::Writer;
use crate::stmt::{Fragment, Piece};

impl Writer<'_> {
    /// Adds its pieces. No placeholder is sought in them: those of the values are written where these stand.
    pub(crate) fn fragment(&mut self, fragment: &Fragment) -> &mut Self {
        let mut nodes = fragment.nodes.iter();
        for piece in &fragment.pieces {
            match piece {
                Piece::Text(text) => {
                    self.push(text);
                }
                Piece::Trusted(text) => {
                    // A comment at its end would swallow what follows.
                    let end = if text.contains("--") { "\n" } else { "" };
                    self.push(text).push(end);
                }
                Piece::Name(name) => {
                    self.name(name);
                }
                Piece::Node => {
                    if let Some(node) = nodes.next() {
                        self.hole(node);
                    }
                }
            }
        }
        self
    }

    /// The text so far, which stays.
    pub(crate) fn so_far(&self) -> &str {
        &self.sql
    }
}
