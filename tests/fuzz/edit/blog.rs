//! Users and posts.

use anyorm_tests::{Post, User};

use super::{Child, Edit, Side};
use crate::op::Op;
use crate::world::{PostRow, UserRow, pick};

impl Edit<'_> {
    pub(super) fn blog(&mut self, op: Op) -> Option<bool> {
        match op {
            Op::AddUser { email } => {
                let row = UserRow { email: format!("{email}@example.org"), age: None };
                let value = User { email: row.email.clone(), ..User::default() };
                self.handles.users.push(self.session.add(value));
                self.world.users.insert(self.handles.users.len() - 1, row);
            }
            Op::SetEmail { user, email } => {
                let at = pick(&self.world.users, user)?;
                let email = format!("{email}@example.org");
                self.session[self.handles.users[at]].email.clone_from(&email);
                self.world.users.get_mut(&at)?.email = email;
            }
            Op::SetAge { user, age } => {
                let at = pick(&self.world.users, user)?;
                let age = Some(i32::from(age)).filter(|&age| age > 0);
                self.session[self.handles.users[at]].age = age;
                self.world.users.get_mut(&at)?.age = age;
            }
            Op::DeleteUser { user } => {
                let at = pick(&self.world.users, user)?;
                // What was done to the collection of an entity that is deleted then does not count.
                let mut own = self.world.posts.iter().filter(|(_, post)| post.author == at);
                if own.any(|(&post, _)| self.was_taken_in(Child::Post(post))) {
                    return None;
                }
                self.session.delete(self.handles.users[at]);
                self.world.users.remove(&at);
            }
            Op::AddPost { author } => {
                let author = pick(&self.world.users, author)?;
                let row = PostRow { title: "new".into(), author, version: 0 };
                let link = self.handles.users[author].into();
                let value = Post { title: row.title.clone(), author: link, ..Post::default() };
                let at = self.handles.posts.len();
                self.handles.posts.push(self.session.add(value));
                self.world.posts.insert(at, row);
                self.take_side(Child::Post(at), Side::Field)?;
            }
            Op::SetTitle { post, title } => {
                let at = pick(&self.world.posts, post)?;
                self.session[self.handles.posts[at]].title = title.to_string();
                self.world.posts.get_mut(&at)?.title = title.to_string();
            }
            Op::SetAuthor { post, author } => {
                let (at, author) = self.post_and_user(post, author, Side::Field)?;
                self.session[self.handles.posts[at]].author = self.handles.users[author].into();
            }
            Op::PushPost { author, post } => {
                let (at, author) = self.post_and_user(post, author, Side::Collection)?;
                self.session[self.handles.users[author]].posts.push(self.handles.posts[at]);
            }
            Op::LinkPost { author, post, by_user } => {
                let (at, author) = self.post_and_user(post, author, Side::Both)?;
                let (post, author) = (self.handles.posts[at], self.handles.users[author]);
                match by_user {
                    true => self.session.link(author, User::POSTS, post),
                    false => self.session.link(post, Post::AUTHOR, author),
                }
            }
            Op::DeletePost { post } => {
                let at = pick(&self.world.posts, post)?;
                self.session.delete(self.handles.posts[at]);
                self.world.posts.remove(&at);
                self.world.pairs.retain(|(post, _)| *post != at);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn post_and_user(&mut self, post: u8, user: u8, side: Side) -> Option<(usize, usize)> {
        let (at, author) = (pick(&self.world.posts, post)?, pick(&self.world.users, user)?);
        self.take_side(Child::Post(at), side)?;
        self.world.posts.get_mut(&at)?.author = author;
        Some((at, author))
    }
}
