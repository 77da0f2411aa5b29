//! Comparing the model with memory and with the database.

use std::collections::BTreeSet;
use std::fmt::Debug;

use anyorm::prelude::*;
use anyorm::{Collection, Entity, Result};
use anyorm_tests::{Account, Node, Post, Tag, User};

use crate::edit::Handles;
use crate::world::World;

/// Memory holds what the model says.
pub(crate) fn in_memory(session: &Session, world: &World, handles: &Handles) {
    for (&at, row) in &world.accounts {
        let account = &session[handles.accounts[at]];
        assert_eq!((account.id, account.balance), (row.id, row.balance), "account {at} in memory");
    }
    for (&at, row) in &world.users {
        let user = &session[handles.users[at]];
        assert_eq!((&user.email, user.age), (&row.email, row.age), "user {at} in memory");
    }
    for (&at, row) in &world.posts {
        let post = &session[handles.posts[at]];
        assert_eq!(post.title, row.title, "post {at} in memory");
        if let (Some(handle), Some(&author)) = (post.author.handle(), handles.users.get(row.author)) {
            assert_eq!(handle, author, "the author of post {at} in memory");
        }
    }
    for (&at, name) in &world.tags {
        assert_eq!(&session[handles.tags[at]].name, name, "tag {at} in memory");
    }
    for (&at, row) in &world.nodes {
        let node = &session[handles.nodes[at]];
        assert_eq!(node.name, row.name, "node {at} in memory");
        if let Some(handle) = node.parent.handle() {
            assert_eq!(Some(handle), row.parent.map(|at| handles.nodes[at]), "the parent of node {at}");
        }
    }
}

/// The transaction has what the model says, and loaded collections show it.
pub(crate) async fn in_database(session: &mut Session, world: &World, handles: &Handles) -> Result<()> {
    collections(session, world, handles);
    let accounts = session.all(Account::select().columns((Account::ID, Account::BALANCE))).await?;
    same("accounts", accounts, world.accounts.values().map(|row| (row.id, row.balance)));

    let users = session.all(User::select().columns((User::ID, User::EMAIL, User::AGE))).await?;
    let user_id = |at: usize| session[handles.users[at]].id;
    same("users", users, world.users.iter().map(|(&at, row)| (user_id(at), row.email.clone(), row.age)));

    let columns = (Post::ID, Post::TITLE, Post::AUTHOR_ID, Post::VERSION);
    let posts = session.all(Post::select().columns(columns)).await?;
    let expected = world.posts.iter().map(|(&at, row)| {
        let post = &session[handles.posts[at]];
        let author = session[handles.users[row.author]].id;
        assert_eq!(post.author.key(), Some(&author), "the author's key of post {at} in memory");
        (post.id, row.title.clone(), author, post.version)
    });
    same("posts", posts, expected);

    let tags = session.all(Tag::select().columns((Tag::ID, Tag::NAME))).await?;
    same("tags", tags, world.tags.iter().map(|(&at, name)| (session[handles.tags[at]].id, name.clone())));

    let nodes = session.all(Node::select().columns((Node::ID, Node::PARENT_ID))).await?;
    let node_id = |at: usize| session[handles.nodes[at]].id;
    let expected = world.nodes.iter().map(|(&at, row)| {
        let parent = row.parent.map(node_id);
        assert_eq!(session[handles.nodes[at]].parent.key(), parent.as_ref(), "the parent's key of node {at}");
        (node_id(at), parent)
    });
    same("nodes", nodes, expected);

    let pairs = sql("SELECT post_id, tag_id FROM post_tags").returning::<(i64, i64)>();
    let pairs = session.all(pairs).await?;
    let ids =
        |&(post, tag): &(usize, usize)| (session[handles.posts[post]].id, session[handles.tags[tag]].id);
    same("pairs", pairs, world.pairs.iter().map(ids));
    Ok(())
}

/// Collections that are loaded have the members that the model says.
fn collections(session: &Session, world: &World, handles: &Handles) {
    for &at in world.users.keys() {
        let posts = world.posts.iter().filter(|(_, post)| post.author == at);
        let expected = posts.map(|(&post, _)| handles.posts[post]);
        members(&format!("posts of user {at}"), &session[handles.users[at]].posts, expected);
    }
    for &at in world.posts.keys() {
        let tags = world.pairs.iter().filter(|(post, _)| *post == at);
        let expected = tags.map(|&(_, tag)| handles.tags[tag]);
        members(&format!("tags of post {at}"), &session[handles.posts[at]].tags, expected);
    }
    for &at in world.tags.keys() {
        let posts = world.pairs.iter().filter(|(_, tag)| *tag == at);
        let expected = posts.map(|&(post, _)| handles.posts[post]);
        members(&format!("posts of tag {at}"), &session[handles.tags[at]].posts, expected);
    }
    for &at in world.nodes.keys() {
        let children = world.nodes.iter().filter(|(_, node)| node.parent == Some(at));
        let expected = children.map(|(&child, _)| handles.nodes[child]);
        members(&format!("children of node {at}"), &session[handles.nodes[at]].children, expected);
    }
}

fn members<E: Entity>(what: &str, collection: &Collection<E>, expected: impl Iterator<Item = Handle<E>>) {
    let Some(loaded) = collection.loaded() else { return };
    let text = |handle: Handle<E>| format!("{handle:?}");
    let found: BTreeSet<String> = loaded.iter().map(|&handle| text(handle)).collect();
    assert_eq!(found.len(), loaded.len(), "each once: {what}");
    assert_eq!(found, expected.map(text).collect(), "{what} in memory");
}

fn same<T: Ord + Debug>(what: &str, mut found: Vec<T>, expected: impl Iterator<Item = T>) {
    let mut expected: Vec<T> = expected.collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{what} in the database");
}
