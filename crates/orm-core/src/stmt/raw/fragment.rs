//! SQL text with expressions in its holes: what `sql!` makes.

use std::sync::Arc;

use super::Identifier;
use crate::error::{Error, Result};
use crate::expr::{Kind, Node};

/// The pieces of a text, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fragment {
    pub(crate) pieces: Vec<Piece>,
    /// The expressions of [`Piece::Node`], in the order of the pieces.
    pub(crate) nodes: Vec<Node>,
    /// Tables that the text reads, where it says so.
    pub(crate) reads: Vec<&'static str>,
}

/// A piece of a [`Fragment`].
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// Text of the program.
    Text(&'static str),
    /// Text that somebody vouched for.
    Trusted(Arc<str>),
    /// A name, to be quoted.
    Name(Arc<str>),
    /// The next expression.
    Node,
}

impl Fragment {
    pub(super) fn text(&mut self, text: &'static str) {
        self.pieces.push(Piece::Text(text));
    }

    pub(super) fn name(&mut self, name: &Identifier) {
        self.pieces.push(Piece::Name(Arc::clone(&name.0)));
    }

    pub(super) fn node(&mut self, node: Node) {
        self.pieces.push(Piece::Node);
        self.nodes.push(node);
    }

    /// Refuses what means nothing in SQL. Which tables the columns belong to is for the text to know.
    pub(super) fn check(&self) -> Result<()> {
        self.nodes.iter().try_for_each(check)
    }
}

fn check(node: &Node) -> Result<()> {
    match &node.0 {
        Kind::Problem(problem) => return Err(Error::build(problem.clone())),
        Kind::Related { filter: Some(filter), .. } => check(filter)?,
        _ => {}
    }
    if let Some(query) = node.query() {
        query.each_node(&mut |node| check(node))?;
    }
    let mut result = Ok(());
    node.parts(&mut |part| {
        if result.is_ok() {
            result = check(part);
        }
    });
    result
}
