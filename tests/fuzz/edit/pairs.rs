//! Posts and their tags.

use anyorm::prelude::*;
use anyorm_tests::{Post, Tag};

use super::Edit;
use crate::op::Op;
use crate::world::pick;

impl Edit<'_> {
    pub(super) fn pairs(&mut self, op: Op) -> Option<bool> {
        match op {
            Op::AddTag { name } => {
                let name = format!("tag {name}");
                self.handles.tags.push(self.session.add(Tag { name: name.clone(), ..Tag::default() }));
                self.world.tags.insert(self.handles.tags.len() - 1, name);
            }
            Op::DeleteTag { tag } => {
                let at = pick(&self.world.tags, tag)?;
                self.session.delete(self.handles.tags[at]);
                self.world.tags.remove(&at);
                self.world.pairs.retain(|(_, tag)| *tag != at);
            }
            Op::Tag { post, tag, by_tag } => {
                let (post, tag) = self.pair(post, tag, true, false)?;
                match by_tag {
                    true => self.session[tag].posts.push(post),
                    false => self.session[post].tags.push(tag),
                }
            }
            Op::Untag { post, tag, by_tag } => {
                let (post, tag) = self.pair(post, tag, false, false)?;
                match by_tag {
                    true => self.session[tag].posts.remove(post),
                    false => self.session[post].tags.remove(tag),
                }
            }
            Op::LinkTag { post, tag, by_tag } => {
                let (post, tag) = self.pair(post, tag, true, true)?;
                match by_tag {
                    true => self.session.link(tag, Tag::POSTS, post),
                    false => self.session.link(post, Post::TAGS, tag),
                }
            }
            Op::UnlinkTag { post, tag, by_tag } => {
                let (post, tag) = self.pair(post, tag, false, true)?;
                match by_tag {
                    true => self.session.unlink(tag, Tag::POSTS, post),
                    false => self.session.unlink(post, Post::TAGS, tag),
                }
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// Each pair is changed once, or several times by linking.
    fn pair(&mut self, post: u8, tag: u8, adds: bool, links: bool) -> Option<(Handle<Post>, Handle<Tag>)> {
        let pair = (pick(&self.world.posts, post)?, pick(&self.world.tags, tag)?);
        if self.since.pairs.get(&pair).is_some_and(|&linked| !(links && linked)) {
            return None;
        }
        if !adds {
            self.knows("post", pair.0)?;
            self.knows("tag", pair.1)?;
        }
        self.since.pairs.insert(pair, links);
        if adds {
            self.since.tagged.insert(pair);
            self.world.pairs.insert(pair);
        } else {
            self.world.pairs.remove(&pair);
        }
        Some((self.handles.posts[pair.0], self.handles.tags[pair.1]))
    }
}
