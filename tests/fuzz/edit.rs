//! Steps that change memory only: in the session and in the model alike.

use std::collections::{BTreeMap, BTreeSet};

use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, Tag, User};

use crate::op::Op;
use crate::world::{AccountRow, NodeRow, PostRow, UserRow, World, pick};

/// The handles of the model's entities, by their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handles {
    pub(crate) accounts: Vec<Handle<Account>>,
    pub(crate) users: Vec<Handle<User>>,
    pub(crate) posts: Vec<Handle<Post>>,
    pub(crate) tags: Vec<Handle<Tag>>,
    pub(crate) nodes: Vec<Handle<Node>>,
}

/// What was done since the last flush, as far as it decides what may be done, or fail, next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Since {
    pub(crate) deletes: bool,
    pub(crate) references: bool,
    /// Posts whose own field was written.
    fields: BTreeSet<usize>,
    /// Posts that were pushed to a collection, and whose.
    pushed: BTreeMap<usize, usize>,
    pairs: BTreeSet<(usize, usize)>,
}

/// Does a step that changes memory. Answers false for any other step.
pub(crate) fn edit(
    op: Op,
    session: &mut Session,
    world: &mut World,
    handles: &mut Handles,
    since: &mut Since,
) -> bool {
    edit_accounts(op, session, world, handles)
        || edit_blog(op, session, world, handles, since).is_none_or(|known| known)
        || edit_pairs(op, session, world, handles, since).is_none_or(|known| known)
        || edit_nodes(op, session, world, handles, since).is_none_or(|known| known)
}

fn edit_accounts(op: Op, session: &mut Session, world: &mut World, handles: &mut Handles) -> bool {
    match op {
        Op::AddAccount { key } => {
            let id = i64::from(key) + 1;
            world.accounts.insert(handles.accounts.len(), AccountRow { id, balance: 0 });
            handles.accounts.push(session.add(Account { id, balance: 0 }));
        }
        Op::SetBalance { account, balance } => {
            let Some(at) = pick(&world.accounts, account) else { return true };
            world.accounts.get_mut(&at).expect("picked").balance = balance.into();
            session[handles.accounts[at]].balance = balance.into();
        }
        Op::SetKey { account, key } => {
            let Some(at) = pick(&world.accounts, account) else { return true };
            world.accounts.get_mut(&at).expect("picked").id = i64::from(key) + 1;
            session[handles.accounts[at]].id = i64::from(key) + 1;
        }
        Op::DeleteAccount { account } => {
            let Some(at) = pick(&world.accounts, account) else { return true };
            world.accounts.remove(&at);
            session.delete(handles.accounts[at]);
        }
        _ => return false,
    }
    true
}

/// `None` where there is nothing to do it with.
fn edit_blog(
    op: Op,
    session: &mut Session,
    world: &mut World,
    handles: &mut Handles,
    since: &mut Since,
) -> Option<bool> {
    match op {
        Op::AddUser { email } => {
            let row = UserRow { email: format!("{email}@example.org"), age: None };
            handles.users.push(session.add(User { email: row.email.clone(), ..User::default() }));
            world.users.insert(handles.users.len() - 1, row);
        }
        Op::SetEmail { user, email } => {
            let at = pick(&world.users, user)?;
            let email = format!("{email}@example.org");
            session[handles.users[at]].email.clone_from(&email);
            world.users.get_mut(&at)?.email = email;
        }
        Op::SetAge { user, age } => {
            let at = pick(&world.users, user)?;
            let age = Some(i32::from(age)).filter(|&age| age > 0);
            session[handles.users[at]].age = age;
            world.users.get_mut(&at)?.age = age;
        }
        Op::DeleteUser { user } => {
            let at = pick(&world.users, user)?;
            // What was done to the collection of an entity that is deleted then does not count.
            if since.pushed.values().any(|&author| author == at) {
                return None;
            }
            session.delete(handles.users[at]);
            world.users.remove(&at);
            since.deletes = true;
        }
        Op::AddPost { author } => {
            let author = pick(&world.users, author)?;
            let row = PostRow { title: "new".into(), author };
            let value =
                Post { title: row.title.clone(), author: handles.users[author].into(), ..Post::default() };
            let at = handles.posts.len();
            handles.posts.push(session.add(value));
            world.posts.insert(at, row);
            since.references = true;
            since.fields.insert(at);
        }
        Op::SetTitle { post, title } => {
            let at = pick(&world.posts, post)?;
            session[handles.posts[at]].title = title.to_string();
            world.posts.get_mut(&at)?.title = title.to_string();
            since.references = true;
        }
        Op::SetAuthor { post, author } => {
            let (at, author) = (pick(&world.posts, post)?, pick(&world.users, author)?);
            if since.pushed.contains_key(&at) {
                return None;
            }
            session[handles.posts[at]].author = handles.users[author].into();
            world.posts.get_mut(&at)?.author = author;
            since.references = true;
            since.fields.insert(at);
        }
        Op::PushPost { author, post } => {
            let (at, author) = (pick(&world.posts, post)?, pick(&world.users, author)?);
            // Both sides must not say different things, nor two collections.
            if since.fields.contains(&at) || since.pushed.contains_key(&at) {
                return None;
            }
            since.pushed.insert(at, author);
            session[handles.users[author]].posts.push(handles.posts[at]);
            world.posts.get_mut(&at)?.author = author;
            since.references = true;
        }
        Op::DeletePost { post } => {
            let at = pick(&world.posts, post)?;
            session.delete(handles.posts[at]);
            world.posts.remove(&at);
            world.pairs.retain(|(post, _)| *post != at);
            since.deletes = true;
        }
        _ => return Some(false),
    }
    Some(true)
}

fn edit_pairs(
    op: Op,
    session: &mut Session,
    world: &mut World,
    handles: &mut Handles,
    since: &mut Since,
) -> Option<bool> {
    match op {
        Op::AddTag { name } => {
            let name = format!("tag {name}");
            handles.tags.push(session.add(Tag { name: name.clone(), ..Tag::default() }));
            world.tags.insert(handles.tags.len() - 1, name);
        }
        Op::DeleteTag { tag } => {
            let at = pick(&world.tags, tag)?;
            session.delete(handles.tags[at]);
            world.tags.remove(&at);
            world.pairs.retain(|(_, tag)| *tag != at);
            since.deletes = true;
        }
        Op::Tag { post, tag, by_tag } | Op::Untag { post, tag, by_tag } => {
            let pair = (pick(&world.posts, post)?, pick(&world.tags, tag)?);
            if !since.pairs.insert(pair) {
                return None;
            }
            let (post, tag) = (handles.posts[pair.0], handles.tags[pair.1]);
            let adds = matches!(op, Op::Tag { .. });
            match (adds, by_tag) {
                (true, true) => session[tag].posts.push(post),
                (true, false) => session[post].tags.push(tag),
                (false, true) => session[tag].posts.remove(post),
                (false, false) => session[post].tags.remove(tag),
            }
            if adds {
                world.pairs.insert(pair);
            } else {
                world.pairs.remove(&pair);
            }
            since.references = true;
        }
        _ => return Some(false),
    }
    Some(true)
}

fn edit_nodes(
    op: Op,
    session: &mut Session,
    world: &mut World,
    handles: &mut Handles,
    since: &mut Since,
) -> Option<bool> {
    match op {
        Op::AddNode { parent } => {
            // Some are roots.
            let parent = if parent % 3 == 0 { None } else { pick(&world.nodes, parent) };
            let link = parent.map(|parent| handles.nodes[parent]).into();
            handles.nodes.push(session.add(Node { name: "node".into(), parent: link, ..Node::default() }));
            world.nodes.insert(handles.nodes.len() - 1, NodeRow { name: "node".into(), parent });
        }
        Op::SetParent { node, parent } => {
            let (at, parent) = (pick(&world.nodes, node)?, pick(&world.nodes, parent)?);
            session[handles.nodes[at]].parent = handles.nodes[parent].into();
            world.nodes.get_mut(&at)?.parent = Some(parent);
        }
        Op::DeleteNode { node } => {
            let at = pick(&world.nodes, node)?;
            session.delete(handles.nodes[at]);
            world.nodes.remove(&at);
            since.deletes = true;
            return Some(true);
        }
        _ => return Some(false),
    }
    since.references = true;
    Some(true)
}
