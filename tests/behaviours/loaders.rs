//! Loading relations along with a query, and afterwards: hops, statements, and what becomes of links.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::{Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_query_with_relations_is_one_hop,
    a_path_of_relations_is_one_hop,
    two_relations_of_one_query_are_one_hop,
    a_to_one_relation_turns_keys_into_handles,
    an_empty_to_one_stays_empty,
    parents_without_children_have_loaded_and_empty_collections,
    children_are_one_handle_with_those_read_before,
    l2_pairs_are_one_statement_without_duplicates,
    load_of_several_is_one_hop,
    load_of_what_is_loaded_is_no_hop,
    load_reads_only_those_that_are_not_loaded,
    k14_load_of_a_to_one_in_the_map_is_no_hop,
    load_along_a_path,
    load_of_nothing_is_no_hop,
    a_limited_query_loads_for_its_rows_only,
    with_of_no_rows_is_no_trouble,
    a_loaded_collection_is_not_loaded_again_by_with,
    a_tree_loads_level_by_level,
    first_and_one_load_too,
    k12_get_twice_is_one_hop,
    get_one_names_entity_and_key,
    deleted_members_are_not_loaded_back,
    many_parents_are_loaded_in_one_hop,
];

/// Two authors: Ada with three posts, two tags on the first of them, one of these on the second; Bob with none.
async fn library(db: &Database) -> Result<Session> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let titles = ["a", "b", "c"].map(|title| post(title, BelongsTo::default())).to_vec();
    let ada = session.add(User { posts: titles.into(), ..user("Ada") });
    session.add(user("Bob"));
    let (red, blue) = (session.add(tag("red")), session.add(tag("blue")));
    let posts = session[ada].posts.loaded().expect("taken in").to_vec();
    session[posts[0]].tags = vec![red, blue].into();
    session[posts[1]].tags.push(red);
    session.commit().await?;
    db.log.clear();
    Ok(db.engine.session())
}

fn titles(session: &Session, user: Handle<User>) -> Vec<&str> {
    session[user].posts.iter().map(|&post| session[post].title.as_str()).collect()
}

/// Promise 4.
async fn a_query_with_relations_is_one_hop(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let users = session.all(User::select().order_by(User::ID.asc()).with(User::POSTS)).await?;
    assert_eq!((db.log.hops(), db.log.statements().len()), (1, 2), "{:?}", db.log.statements());
    assert_eq!(titles(&session, users[0]), ["a", "b", "c"]);
    let first = session[users[0]].posts.loaded().expect("loaded")[0];
    assert_eq!(session[first].author.key(), Some(&session[users[0]].id));
    db.log.clear();
    session.load(&[first], Post::AUTHOR).await?;
    assert_eq!((session[first].author.handle(), db.log.hops()), (Some(users[0]), 0), "behaviour K14");
    assert!(!session.is_dirty());
    Ok(())
}

/// Promise 4.
async fn a_path_of_relations_is_one_hop(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let users =
        session.all(User::select().order_by(User::ID.asc()).with(User::POSTS.then(Post::TAGS))).await?;
    assert_eq!((db.log.hops(), db.log.statements().len()), (1, 3), "{:?}", db.log.statements());
    let posts = session[users[0]].posts.loaded().expect("loaded").to_vec();
    let tags = |post: Handle<Post>| -> Vec<&str> {
        session[post].tags.iter().map(|&tag| session[tag].name.as_str()).collect()
    };
    assert_eq!((tags(posts[0]), tags(posts[1]), tags(posts[2])), (vec!["red", "blue"], vec!["red"], vec![]));
    assert_eq!(
        session[posts[0]].tags.loaded().map(|tags| tags[0]),
        Some(session[posts[1]].tags.loaded().expect("loaded")[0])
    );
    Ok(())
}

async fn two_relations_of_one_query_are_one_hop(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let query = Post::select().order_by(Post::ID.asc()).with(Post::AUTHOR).with(Post::TAGS);
    let posts = session.all(query).await?;
    assert_eq!((db.log.hops(), db.log.statements().len()), (1, 3), "{:?}", db.log.statements());
    let author = session[posts[0]].author.handle().expect("loaded");
    assert_eq!(session[author].name, "Ada");
    assert_eq!(session[posts[0]].tags.len(), 2);
    Ok(())
}

async fn a_to_one_relation_turns_keys_into_handles(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let posts = session.all(Post::select().order_by(Post::ID.asc())).await?;
    assert!(posts.iter().all(|&post| session[post].author.handle().is_none()));
    session.load(&posts, Post::AUTHOR).await?;
    let authors: Vec<_> = posts.iter().map(|&post| session[post].author.handle()).collect();
    assert!(authors[0].is_some() && authors.iter().all(|author| *author == authors[0]));
    assert!(!session.is_dirty(), "the same target in another form");
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Behaviour L2.
async fn an_empty_to_one_stays_empty(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1)").await?;
    let mut session = db.engine.session();
    let all = session.all(Node::select().order_by(Node::ID.asc()).with(Node::PARENT)).await?;
    assert!(session[all[0]].parent.is_empty());
    assert_eq!(session[all[1]].parent.handle(), Some(all[0]));
    db.log.clear();
    session.load(&all, Node::PARENT).await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

async fn parents_without_children_have_loaded_and_empty_collections(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let users =
        session.all(User::select().order_by(User::ID.asc()).with(User::POSTS.then(Post::TAGS))).await?;
    assert_eq!(session[users[1]].posts.loaded(), Some(&[][..]));
    let third = session[users[0]].posts.loaded().expect("loaded")[2];
    assert_eq!(session[third].tags.loaded(), Some(&[][..]));
    Ok(())
}

/// Rule 14: reads never overwrite.
async fn children_are_one_handle_with_those_read_before(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    session.set_autoflush(false);
    let first = session.get_one::<Post>(1).await?;
    session[first].title = "changed".into();
    let users = session.all(User::select().order_by(User::ID.asc()).with(User::POSTS)).await?;
    assert_eq!(session[users[0]].posts.loaded().map(|posts| posts[0]), Some(first));
    assert_eq!(titles(&session, users[0]), ["changed", "b", "c"]);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db).len(), 1);
    Ok(())
}

/// Behaviour L2.
async fn l2_pairs_are_one_statement_without_duplicates(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let posts = session.all(Post::select().with(Post::TAGS)).await?;
    let statements = db.log.statements();
    assert_eq!(statements.len(), 2, "{statements:?}");
    assert!(statements[1].contains("post_tags") && statements[1].contains("tags"), "{statements:?}");
    assert!(!statements[1].contains("posts"), "no join back to the parent: {statements:?}");
    let mut tags: Vec<Handle<Tag>> =
        posts.iter().flat_map(|&post| session[post].tags.loaded().expect("loaded").to_vec()).collect();
    assert_eq!(tags.len(), 3);
    tags.dedup();
    assert_eq!(session.all(Tag::select()).await?.len(), 2);
    Ok(())
}

async fn load_of_several_is_one_hop(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let users = session.all(User::select().order_by(User::ID.asc())).await?;
    db.log.clear();
    session.load(&users, User::POSTS).await?;
    assert_eq!((db.log.hops(), db.log.statements().len()), (1, 1));
    assert_eq!(titles(&session, users[0]), ["a", "b", "c"]);
    assert!(session[users[1]].posts.is_empty());
    Ok(())
}

async fn load_of_what_is_loaded_is_no_hop(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let users = session.all(User::select().order_by(User::ID.asc()).with(User::POSTS)).await?;
    elsewhere(&db, "DELETE FROM posts WHERE title = 'b'").await?;
    db.log.clear();
    session.load(&users, User::POSTS).await?;
    assert_eq!(db.log.hops(), 0);
    assert_eq!(titles(&session, users[0]), ["a", "b", "c"], "left as it is");
    Ok(())
}

async fn load_reads_only_those_that_are_not_loaded(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    elsewhere(&db, "INSERT INTO posts (title, author_id, version) VALUES ('z', 2, 1)").await?;
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    let bob = session.get_one::<User>(2).await?;
    session.load(&[ada, bob, bob], User::POSTS).await?;
    assert_eq!(titles(&session, ada), ["a", "b", "c"]);
    assert_eq!(titles(&session, bob), ["z"]);
    Ok(())
}

/// Behaviour K14.
async fn k14_load_of_a_to_one_in_the_map_is_no_hop(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let ada = session.get_one::<User>(1).await?;
    let posts = session.all(Post::select()).await?;
    db.log.clear();
    session.load(&posts, Post::AUTHOR).await?;
    assert_eq!(db.log.hops(), 0);
    assert!(posts.iter().all(|&post| session[post].author.handle() == Some(ada)));
    Ok(())
}

async fn load_along_a_path(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let users = session.all(User::select().order_by(User::ID.asc())).await?;
    session.load(&users, User::POSTS.then(Post::TAGS)).await?;
    let posts = session[users[0]].posts.loaded().expect("loaded").to_vec();
    let counts: Vec<usize> = posts.iter().map(|&post| session[post].tags.len()).collect();
    assert_eq!(counts, [2, 1, 0]);
    Ok(())
}

async fn load_of_nothing_is_no_hop(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    session.load(&[], User::POSTS).await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Behaviour L3: the limit counts parents.
async fn a_limited_query_loads_for_its_rows_only(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    elsewhere(&db, "INSERT INTO posts (title, author_id, version) VALUES ('z', 2, 1)").await?;
    let users = session.all(User::select().order_by(User::ID.asc()).limit(1).with(User::POSTS)).await?;
    assert_eq!(users.len(), 1);
    assert_eq!(titles(&session, users[0]), ["a", "b", "c"]);
    db.log.clear();
    let second =
        session.all(User::select().order_by(User::ID.asc()).limit(1).offset(1).with(User::POSTS)).await?;
    assert_eq!(titles(&session, second[0]), ["z"]);
    assert_eq!(db.log.hops(), 1);
    Ok(())
}

async fn with_of_no_rows_is_no_trouble(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let none = User::select().filter(User::ID.eq(99)).with(User::POSTS.then(Post::TAGS));
    assert_eq!(session.all(none).await?, []);
    assert_eq!(db.log.hops(), 1);
    Ok(())
}

/// Rule 14: neither adds nor removes are lost when the collection is read along again.
async fn a_loaded_collection_is_not_loaded_again_by_with(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    session.set_autoflush(false);
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    let first = session[ada].posts.loaded().expect("loaded")[0];
    let new = session.add(post("new", BelongsTo::default()));
    session[ada].posts.push(new);
    session.delete(first);
    session[ada].posts.remove(first);
    assert_eq!(session.all(User::select().order_by(User::ID.asc()).with(User::POSTS)).await?[0], ada);
    assert_eq!(titles(&session, ada), ["b", "c", "new"]);
    session.commit().await?;
    assert_eq!(db.engine.count(Post::select()).await?, 3);
    Ok(())
}

async fn a_tree_loads_level_by_level(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let rows = "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1), (3, 'b', 1), (4, 'c', 2)";
    elsewhere(&db, rows).await?;
    let mut session = db.engine.session();
    db.log.clear();
    let root =
        session.one(Node::select().filter(Node::ID.eq(1)).with(Node::CHILDREN.then(Node::CHILDREN))).await?;
    assert_eq!((db.log.hops(), db.log.statements().len()), (1, 3));
    let children = session[root].children.loaded().expect("loaded").to_vec();
    assert_eq!((session[children[0]].children.len(), session[children[1]].children.len()), (1, 0));
    let leaf = session[children[0]].children.loaded().expect("loaded")[0];
    assert_eq!(session[leaf].children.loaded(), None, "two levels were asked for");
    assert_eq!(session[leaf].parent.key(), Some(&session[children[0]].id));
    Ok(())
}

async fn first_and_one_load_too(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let first = session
        .first(User::select().order_by(User::ID.asc()).with(User::POSTS))
        .await?
        .expect("there is one");
    assert_eq!(session[first].posts.len(), 3);
    let bob = session.one(User::select().filter(User::NAME.eq("Bob")).with(User::POSTS)).await?;
    assert!(session[bob].posts.is_empty());
    assert_eq!(db.log.hops(), 2);
    Ok(())
}

/// Behaviour K12.
async fn k12_get_twice_is_one_hop(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let ada = session.get::<User>(1).await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(session.get::<User>(1).await?, ada);
    assert_eq!(session.get_one::<User>(1).await.ok(), ada);
    assert_eq!(db.log.hops(), 1);
    Ok(())
}

/// Section 2.
async fn get_one_names_entity_and_key(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    assert_eq!(session.get::<User>(99).await?, None);
    let error = session.get_one::<User>(99).await.expect_err("nobody");
    assert!(matches!(error, anyorm::Error::NotFound(_)), "{error}");
    assert!(error.to_string().contains("User") && error.to_string().contains("99"), "{error}");
    session.count(User::select()).await?;
    Ok(())
}

/// Rules 6 and 8.
async fn deleted_members_are_not_loaded_back(db: Database) -> Result<()> {
    let mut session = library(&db).await?;
    let first = session.get_one::<Post>(1).await?;
    session.delete(first);
    let ada = session.one(User::select().filter(User::ID.eq(1)).with(User::POSTS)).await?;
    assert_eq!(titles(&session, ada), ["b", "c"]);
    session.commit().await?;
    assert_eq!(titles(&session, ada), ["b", "c"]);
    Ok(())
}

/// Promise 4, beyond any limit of parameters.
async fn many_parents_are_loaded_in_one_hop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let count = 3_000;
    let mut session = db.engine.session();
    session.add_all(
        (0..count).map(|at| User {
            posts: vec![post("p", BelongsTo::default())].into(),
            ..user(&format!("u{at}"))
        }),
    );
    session.commit().await?;
    let mut session = db.engine.session();
    db.log.clear();
    let users = session.all(User::select().order_by(User::ID.asc()).with(User::POSTS)).await?;
    assert_eq!((users.len(), db.log.hops()), (count, 1));
    assert!(users.iter().all(|&user| session[user].posts.len() == 1));
    let mut session = db.engine.session();
    let users = session.all(User::select().order_by(User::ID.asc())).await?;
    db.log.clear();
    session.load(&users, User::POSTS).await?;
    assert_eq!(db.log.hops(), 1);
    assert!(users.iter().all(|&user| session[user].posts.len() == 1));
    Ok(())
}
