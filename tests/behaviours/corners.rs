//! Where two rules meet: what a program may do that nobody thinks of first.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere, nodes, pairs, posts, sent, users};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_whole_struct_assigned_keeps_its_row,
    a_struct_taken_out_of_its_slot_is_refused,
    refresh_of_a_new_entity_is_an_error_and_keeps_it,
    a_new_value_pushed_to_pairs_is_added,
    a_list_of_new_values_replaces_a_loaded_collection,
    a_stale_handle_in_a_collection_is_refused,
    a_foreign_handle_in_a_collection_is_refused,
    a_stale_handle_in_a_link_is_refused,
    both_ends_of_a_pair_deleted,
    added_flushed_and_deleted_in_one_transaction,
    added_flushed_deleted_and_rolled_back,
    deleted_flushed_and_added_again,
    begin_add_commit_is_one_hop,
    a_row_changed_back_after_its_flush_and_rolled_back,
    a_child_added_to_a_parent_read_in_the_transaction,
    a_parent_deleted_with_its_children_loaded_is_gone_from_grandparents,
    one_to_one_moves,
    text_keys_in_pairs_and_links,
    a_new_child_in_the_collection_of_a_deleted_parent,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "passports")]
struct Passport {
    #[key(auto)]
    id: i64,
    #[belongs_to(unique)]
    owner: BelongsTo<Option<User>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "langs")]
struct Lang {
    #[key]
    code: String,
    #[many_to_many(through = "translations", from = "source", to = "target")]
    into: ManyToMany<Lang>,
    #[belongs_to]
    family: BelongsTo<Option<Lang>>,
}

fn node(name: &str) -> Node {
    Node { name: name.into(), ..Node::default() }
}

/// Rules 1 and 11: *not set* says nothing about the members.
async fn a_whole_struct_assigned_keeps_its_row(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[ada] = User { id: session[ada].id, name: "New".into(), ..user("Ada") };
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE users SET name = ? WHERE id = ? x1"]);
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 1)]);
    session.load(&[ada], User::POSTS).await?;
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    Ok(())
}

/// Rule 9: a row cannot change to "no key".
async fn a_struct_taken_out_of_its_slot_is_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    let taken = std::mem::take(&mut session[ada]);
    db.log.clear();
    let error = session.flush().await.expect_err("it has no key any more");
    assert!(matches!(error, Error::Flush(_)), "{error}");
    assert!(error.to_string().contains("User"), "{error}");
    assert_eq!(db.log.hops(), 0);
    session[ada] = taken;
    session[ada].name.push('!');
    session.commit().await?;
    assert_eq!(users(&db).await?, [(1, "Ada!".to_owned())]);
    Ok(())
}

/// Rule 14.
async fn refresh_of_a_new_entity_is_an_error_and_keeps_it(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let account = session.add(Account { id: 1, balance: 5 });
    assert!(session.refresh(ada).await.is_err());
    assert!(session.refresh(account).await.is_err());
    assert_eq!((session[ada].name.as_str(), session[account].balance), ("Ada", 5));
    session.commit().await?;
    assert_eq!((users(&db).await?.len(), accounts(&db).await?.len()), (1, 1));
    Ok(())
}

/// Rule 11.
async fn a_new_value_pushed_to_pairs_is_added(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[notes].tags.push(tag("red"));
    session.commit().await?;
    let mut session = db.engine.session();
    let notes = session.get_one::<Post>(1).await?;
    session[notes].tags.push(tag("blue"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(pairs(&db).await?, [(1, 1), (1, 2)]);
    Ok(())
}

/// Rule 11.
async fn a_list_of_new_values_replaces_a_loaded_collection(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let root = session.add(Node { children: vec![node("a")].into(), ..node("root") });
    session.commit().await?;
    session[root].children = vec![node("b"), node("c")].into();
    session.commit().await?;
    let names: Vec<&str> = session[root].children.iter().map(|&child| session[child].name.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
    let stored = nodes(&db).await?;
    assert_eq!(stored[1], ("a".to_owned(), None));
    assert_eq!(stored[2..], [("b".to_owned(), Some(1)), ("c".to_owned(), Some(1))]);
    Ok(())
}

/// Section 2: handles inside values are checked by the flush, not by a panic.
async fn a_stale_handle_in_a_collection_is_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (root, gone) = (session.add(node("root")), session.add(node("gone")));
    session.commit().await?;
    session.detach(gone);
    session[root].children.push(gone);
    db.log.clear();
    let error = session.flush().await.expect_err("it has left");
    assert!(matches!(error, Error::Flush(_)), "{error}");
    assert!(error.to_string().contains("children"), "{error}");
    assert_eq!(db.log.hops(), 0);
    session[root].children.remove(gone);
    session.commit().await?;
    assert_eq!(nodes(&db).await?.len(), 2);
    Ok(())
}

/// Behaviour K11, for collections.
async fn a_foreign_handle_in_a_collection_is_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let (mut one, mut two) = (db.engine.session(), db.engine.session());
    let (root, foreign) = (one.add(node("root")), two.add(tag("foreign")));
    one.commit().await?;
    let child = two.add(node("child"));
    one[root].children.push(child);
    let error = one.flush().await.expect_err("of another session");
    assert!(matches!(error, Error::Flush(_)), "{error}");
    assert!(error.to_string().contains("session"), "{error}");
    one.rollback().await?;
    let ada = one.add(user("Ada"));
    let notes = one.add(post("Notes", ada));
    one[notes].tags.push(foreign);
    let error = one.flush().await.expect_err("of another session");
    assert!(error.to_string().contains("session") && error.to_string().contains("tags"), "{error}");
    Ok(())
}

/// Section 2.
async fn a_stale_handle_in_a_link_is_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.detach(bob);
    session[notes].author = bob.into();
    let error = session.flush().await.expect_err("it has left");
    assert!(matches!(error, Error::Flush(_)), "{error}");
    assert!(error.to_string().contains("Post 1") && error.to_string().contains("author"), "{error}");
    session[notes].author = BelongsTo::to_key(2);
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    Ok(())
}

/// Behaviour M5.
async fn both_ends_of_a_pair_deleted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
    session[notes].tags = vec![red, blue].into();
    session.commit().await?;
    session[notes].tags.remove(red);
    session.delete(notes);
    session.delete(red);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(pairs(&db).await?, []);
    assert_eq!(session[blue].posts.loaded(), Some(&[][..]));
    assert_eq!(db.engine.count(Tag::select()).await?, 1);
    Ok(())
}

/// Rules 6 and 7.
async fn added_flushed_and_deleted_in_one_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    session.delete(account);
    session.flush().await?;
    assert_eq!(session[account].balance, 5);
    session.commit().await?;
    assert!(session.peek(account).is_none());
    assert_eq!(accounts(&db).await?, []);
    Ok(())
}

/// Rules 2, 6 and 7: the add is undone, so nothing is left to revive.
async fn added_flushed_deleted_and_rolled_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    session.delete(account);
    session.flush().await?;
    session.rollback().await?;
    assert!(session.peek(account).is_none());
    assert_eq!(session.get::<Account>(1).await?, None);
    session.add(Account { id: 1, balance: 6 });
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6)]);
    Ok(())
}

/// Rules 6 and 10.
async fn deleted_flushed_and_added_again(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let old = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session.delete(old);
    session.flush().await?;
    let new = session.add(Account { id: 1, balance: 6 });
    session.flush().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    session.rollback().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(old));
    assert!(session.peek(new).is_none());
    assert_eq!((session[old].balance, accounts(&db).await?), (5, vec![(1, 5)]));
    session.delete(old);
    session.flush().await?;
    let new = session.add(Account { id: 1, balance: 7 });
    session.commit().await?;
    assert_eq!(session.get::<Account>(1).await?, Some(new));
    assert!(session.peek(old).is_none());
    assert_eq!(accounts(&db).await?, [(1, 7)]);
    Ok(())
}

/// Promise 4: BEGIN rides with the first statement, which here is the flush.
async fn begin_add_commit_is_one_hop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    db.log.clear();
    session.begin().await?;
    session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(accounts(&db).await?, [(1, 5)]);
    Ok(())
}

/// Rules 1 and 2.
async fn a_row_changed_back_after_its_flush_and_rolled_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    session[account].balance = 6;
    session.flush().await?;
    session[account].balance = 5;
    session.rollback().await?;
    assert!(!session.is_dirty());
    session[account].balance = 6;
    assert!(session.is_dirty());
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 6)]);
    Ok(())
}

/// Rules 5 and 12.
async fn a_child_added_to_a_parent_read_in_the_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes (name) VALUES ('root')").await?;
    let mut session = db.engine.session();
    session.add(Account { id: 1, balance: 5 });
    session.flush().await?;
    let root = session.get_one::<Node>(1).await?;
    let child = session.add(Node { parent: root.into(), ..node("child") });
    session.flush().await?;
    session.rollback().await?;
    assert!(session.peek(root).is_none() && session.peek(child).is_none());
    assert!(!session.is_dirty());
    let root = session.get_one::<Node>(1).await?;
    let child = session.add(Node { parent: root.into(), ..node("child") });
    session.commit().await?;
    assert_eq!(session[child].parent.handle(), Some(root));
    assert_eq!(nodes(&db).await?, [("root".to_owned(), None), ("child".to_owned(), Some(1))]);
    Ok(())
}

/// Rule 8.
async fn a_parent_deleted_with_its_children_loaded_is_gone_from_grandparents(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let branch = Node { children: vec![node("leaf")].into(), ..node("branch") };
    let root = session.add(Node { children: vec![branch].into(), ..node("root") });
    session.commit().await?;
    let branch = session[root].children.loaded().expect("loaded")[0];
    let leaf = session[branch].children.loaded().expect("loaded")[0];
    session.delete(branch);
    session.commit().await?;
    assert!(session[root].children.is_empty());
    assert!(session[leaf].parent.is_empty());
    assert!(!session.is_dirty());
    assert_eq!(nodes(&db).await?, [("root".to_owned(), None), ("leaf".to_owned(), None)]);
    Ok(())
}

/// Step 2 of the flush, for a unique foreign key.
async fn one_to_one_moves(db: Database) -> Result<()> {
    db.engine.create_all(&schema![User, Post, Tag, Passport]).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let old = session.add(Passport { owner: ada.into(), ..Passport::default() });
    let spare = session.add(Passport { owner: bob.into(), ..Passport::default() });
    session.commit().await?;
    session[old].owner = None.into();
    let new = session.add(Passport { owner: ada.into(), ..Passport::default() });
    session[spare].owner = None.into();
    session.commit().await?;
    session[spare].owner = ada.into();
    session[new].owner = bob.into();
    session.commit().await?;
    let owners: Vec<Option<i64>> =
        db.engine.all(Passport::select().order_by(Passport::ID.asc()).columns(Passport::OWNER_ID)).await?;
    assert_eq!(owners, [None, Some(1), Some(2)]);
    Ok(())
}

/// Sections 2 and 5, for keys that are text.
async fn text_keys_in_pairs_and_links(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Lang]).await?;
    let mut session = db.engine.session();
    let lang = |code: &str| Lang { code: code.into(), ..Lang::default() };
    let [de, en, germanic] = ["de", "en", "gem"].map(|code| session.add(lang(code)));
    session[de].into.push(en);
    for one in [de, en] {
        session[one].family = germanic.into();
    }
    session.commit().await?;
    let mut other = db.engine.session();
    let all =
        other.all(Lang::select().order_by(Lang::CODE.asc()).with(Lang::INTO).with(Lang::FAMILY)).await?;
    assert_eq!(other[all[0]].into.loaded(), Some(&[all[1]][..]));
    assert_eq!(other[all[1]].family.handle(), Some(all[2]));
    assert!(other[all[2]].family.is_empty());
    assert_eq!(other.get::<Lang>("en").await?, Some(all[1]));
    Ok(())
}

/// Rules 6 and 12.
async fn a_new_child_in_the_collection_of_a_deleted_parent(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let root = session.add(node("root"));
    session.commit().await?;
    let child = session.add(node("child"));
    session[root].children.push(child);
    session.delete(root);
    // The parent's own changes are void; the child stays without a parent.
    session.commit().await?;
    assert_eq!(nodes(&db).await?, [("child".to_owned(), None)]);
    assert!(session[child].parent.is_empty());
    Ok(())
}
