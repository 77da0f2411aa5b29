//! Comparing the model with memory and with the database.

use std::collections::BTreeSet;
use std::fmt::Debug;

use anyorm::prelude::*;
use anyorm::{Collection, Entity, Result};
use anyorm_tests::{Account, Node, Post, Tag, User};

use crate::edit::{Child, Handles, Side, Since};
use crate::entities::{City, Country};
use crate::world::World;

/// Whether a link is empty, and its handle.
macro_rules! state {
    ($link:expr) => {
        ($link.is_empty(), $link.handle())
    };
}

/// Memory holds what the model says. The links of children that collections took in come with the flush.
pub(crate) fn in_memory(session: &Session, world: &World, handles: &Handles, since: &Since) {
    let waits = |child: Child| since.sides.get(&child) == Some(&Side::Collection);
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
        if !waits(Child::Post(at)) {
            leads(
                session,
                state!(post.author),
                Some(row.author),
                &handles.users,
                &format!("the author of post {at}"),
            );
        }
    }
    for (&at, name) in &world.tags {
        assert_eq!(&session[handles.tags[at]].name, name, "tag {at} in memory");
    }
    for (&at, row) in &world.nodes {
        let node = &session[handles.nodes[at]];
        assert_eq!(node.name, row.name, "node {at} in memory");
        if !waits(Child::Node(at)) {
            leads(
                session,
                state!(node.parent),
                row.parent,
                &handles.nodes,
                &format!("the parent of node {at}"),
            );
        }
    }
    for (&at, code) in &world.countries {
        assert_eq!(&session[handles.countries[at]].code, code, "country {at} in memory");
    }
    for (&at, row) in &world.cities {
        let (city, countries) = (&session[handles.cities[at]], &handles.countries);
        if !waits(Child::CityOf(at)) {
            leads(
                session,
                state!(city.country),
                Some(row.country),
                countries,
                &format!("the country of city {at}"),
            );
        }
        if !waits(Child::Twin(at)) {
            leads(session, state!(city.twin), row.twin, countries, &format!("the twin of city {at}"));
        }
        leads(session, state!(city.ruler), row.ruler, countries, &format!("the ruler of city {at}"));
        leads(session, state!(city.owner), row.owner, countries, &format!("the owner of city {at}"));
    }
}

/// A link holds nothing, a key, or the handle that the model says.
fn leads<E: Entity>(
    session: &Session,
    link: (bool, Option<Handle<E>>),
    to: Option<usize>,
    handles: &[Handle<E>],
    what: &str,
) {
    assert_eq!(link.0, to.is_none(), "whether there is {what} in memory");
    // One that was detached is known by its key.
    if let (Some(handle), Some(to)) = (link.1.filter(|&handle| session.peek(handle).is_some()), to) {
        assert_eq!(handle, handles[to], "{what} in memory");
    }
}

/// Handles of what is gone are stale.
pub(crate) fn stale(session: &Session, world: &World, handles: &Handles) {
    macro_rules! check {
        ($($rows:ident),*) => { $(
            for (at, &handle) in handles.$rows.iter().enumerate().filter(|(at, _)| !world.$rows.contains_key(at)) {
                assert!(session.peek(handle).is_none(), "{at} of {} is gone", stringify!($rows));
            }
        )* };
    }
    check!(accounts, users, posts, tags, nodes, countries, cities);
}

/// The transaction has what the model says, and loaded collections show it.
pub(crate) async fn in_database(
    session: &mut Session,
    world: &World,
    handles: &Handles,
    escaped: &BTreeSet<(&'static str, usize)>,
) -> Result<()> {
    collections(session, world, handles, escaped);
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
        assert_eq!(post.version, row.version, "the version of post {at} in memory");
        (post.id, row.title.clone(), author, row.version)
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

    let countries = session.all(Country::select().columns(Country::CODE)).await?;
    same("countries", countries, world.countries.values().cloned());
    let columns = (City::ID, City::COUNTRY_ID, City::RULER_ID, City::OWNER_ID, City::TWIN_ID);
    let cities = session.all(City::select().columns(columns)).await?;
    let expected = world.cities.iter().map(|(&at, row)| {
        let city = &session[handles.cities[at]];
        let code = |at: usize| world.countries[&at].clone();
        let row = (city.id, code(row.country), row.ruler.map(code), row.owner.map(code), row.twin.map(code));
        let keys = (city.id, city.country.key().cloned().unwrap_or_default(), city.ruler.key().cloned());
        let keys = (keys.0, keys.1, keys.2, city.owner.key().cloned(), city.twin.key().cloned());
        assert_eq!(keys, row, "the keys of city {at} in memory");
        row
    });
    same("cities", cities, expected);
    Ok(())
}

/// Collections that are loaded have the members that the model says.
fn collections(
    session: &Session,
    world: &World,
    handles: &Handles,
    escaped: &BTreeSet<(&'static str, usize)>,
) {
    let known = |kind: &'static str| move |at: &usize| !escaped.contains(&(kind, *at));
    let lost =
        |kind: &'static str| escaped.iter().filter(move |(other, _)| *other == kind).map(|&(_, at)| at);
    let lost_posts: Vec<_> = lost("post").map(|at| handles.posts[at]).collect();
    let lost_tags: Vec<_> = lost("tag").map(|at| handles.tags[at]).collect();
    let lost_nodes: Vec<_> = lost("node").map(|at| handles.nodes[at]).collect();
    let lost_cities: Vec<_> = lost("city").map(|at| handles.cities[at]).collect();
    for &at in world.users.keys() {
        let posts = world.posts.iter().filter(|(_, post)| post.author == at).map(|(&at, _)| at);
        let expected = posts.filter(known("post")).map(|at| handles.posts[at]);
        members(&format!("posts of user {at}"), &session[handles.users[at]].posts, expected, &lost_posts);
    }
    for &at in world.posts.keys() {
        let tags = world.pairs.iter().filter(|(post, _)| *post == at).map(|&(_, tag)| tag);
        let expected = tags.filter(known("tag")).map(|at| handles.tags[at]);
        members(&format!("tags of post {at}"), &session[handles.posts[at]].tags, expected, &lost_tags);
    }
    for &at in world.tags.keys() {
        let posts = world.pairs.iter().filter(|(_, tag)| *tag == at).map(|&(post, _)| post);
        let expected = posts.filter(known("post")).map(|at| handles.posts[at]);
        members(&format!("posts of tag {at}"), &session[handles.tags[at]].posts, expected, &lost_posts);
    }
    for &at in world.nodes.keys() {
        let children = world.nodes.iter().filter(|(_, node)| node.parent == Some(at)).map(|(&at, _)| at);
        let expected = children.filter(known("node")).map(|at| handles.nodes[at]);
        members(
            &format!("children of node {at}"),
            &session[handles.nodes[at]].children,
            expected,
            &lost_nodes,
        );
    }
    for &at in world.countries.keys() {
        let country = &session[handles.countries[at]];
        let cities = world.cities.iter().filter(|(_, city)| city.country == at).map(|(&at, _)| at);
        let expected = cities.filter(known("city")).map(|at| handles.cities[at]);
        members(&format!("cities of country {at}"), &country.cities, expected, &lost_cities);
        let twins = world.cities.iter().filter(|(_, city)| city.twin == Some(at)).map(|(&at, _)| at);
        let expected = twins.filter(known("city")).map(|at| handles.cities[at]);
        members(&format!("twins of country {at}"), &country.twins, expected, &lost_cities);
    }
}

fn members<E: Entity>(
    what: &str,
    collection: &Collection<E>,
    expected: impl Iterator<Item = Handle<E>>,
    lost: &[Handle<E>],
) {
    let Some(loaded) = collection.loaded() else { return };
    let text = |handle: Handle<E>| format!("{handle:?}");
    let each: BTreeSet<String> = loaded.iter().map(|&handle| text(handle)).collect();
    assert_eq!(each.len(), loaded.len(), "each once: {what}");
    let found = loaded.iter().filter(|handle| !lost.contains(handle)).map(|&handle| text(handle));
    assert_eq!(found.collect::<BTreeSet<_>>(), expected.map(text).collect(), "{what} in memory");
}

fn same<T: Ord + Debug>(what: &str, mut found: Vec<T>, expected: impl Iterator<Item = T>) {
    let mut expected: Vec<T> = expected.collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected, "{what} in the database");
}
