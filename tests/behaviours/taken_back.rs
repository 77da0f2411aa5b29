//! Corners of taking work back, and of leaving, that were wrong once.

use anyorm::prelude::*;
use anyorm::{Result, schema};
use anyorm_tests::{Account, Node, blog, post, user};
use orm_testkit::{Behaviour, Capability, Database, behaviours};

use crate::support::{elsewhere, nodes, posts};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    recover_keeps_links_by_key_to_rows_of_the_transaction,
    detach_of_a_target_leaves_its_key_in_new_links,
    a_savepoint_takes_back_a_new_child_of_a_parent_with_a_new_key,
    recover_forgets_a_new_row_that_is_being_deleted,
    recover_forgets_a_new_member_that_was_deleted,
    recover_keeps_a_move_between_new_parents,
    rollback_brings_no_detached_member_back,
    a_queued_link_is_taken_back_from_the_other_side,
    recover_keeps_a_child_out_of_a_new_parent,
    rollback_after_recover_keeps_a_stored_collection,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "countries")]
struct Country {
    #[key]
    code: String,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cities")]
struct City {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    country: BelongsTo<Country>,
}

fn node(name: &str) -> Node {
    Node { name: name.into(), ..Node::default() }
}

/// Rule 15: also where a link has not met the key yet.
async fn detach_of_a_target_leaves_its_key_in_new_links(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session.add(post("Notes", ada));
    session.detach(ada);
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 1)]);
    Ok(())
}

/// Rules 2 and 9.
async fn a_savepoint_takes_back_a_new_child_of_a_parent_with_a_new_key(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Country, City]).await?;
    let mut session = db.engine.session();
    let burma = session.add(Country { code: "BUR".into() });
    let mut nested = session.begin_nested().await?;
    let city = nested.add(City { country: burma.into(), ..City::default() });
    nested[burma].code = "MMR".into();
    nested.flush().await?;
    nested.rollback().await?;
    assert!(session.peek(city).is_none());
    session.commit().await?;
    assert_eq!(session[burma].code, "BUR");
    assert_eq!(db.engine.count(City::select()).await?, 0);
    Ok(())
}

/// Two accounts of one key: the next flush fails.
fn add_twins(session: &mut Session) -> Handle<Account> {
    session.add(Account { id: 7, balance: 0 });
    session.add(Account { id: 7, balance: 1 })
}

/// Promise 7: nothing is left to be deleted.
async fn recover_forgets_a_new_row_that_is_being_deleted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let root = session.add(node("root"));
    session.flush().await?;
    session.delete(root);
    let twin = add_twins(&mut session);
    session.flush().await.expect_err("one key");
    session.recover().await?;
    session[twin].id = 8;
    session.commit().await?;
    assert!(session.peek(root).is_none());
    assert_eq!(nodes(&db).await?, []);
    Ok(())
}

/// Rule 8.
async fn recover_forgets_a_new_member_that_was_deleted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session[ada].posts.push(notes);
    session.delete(notes);
    let twin = add_twins(&mut session);
    session.flush().await.expect_err("one key");
    session.recover().await?;
    session[twin].id = 8;
    session.commit().await?;
    assert!(session[ada].posts.is_empty());
    assert_eq!(posts(&db).await?, []);
    Ok(())
}

/// Rule 12: what a flush put into a collection is not taken for a push.
async fn recover_keeps_a_move_between_new_parents(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [ada, bob] = ["Ada", "Bob"].map(|name| session.add(user(name)));
    let notes = session.add(post("Notes", ada));
    session.flush().await?;
    session[notes].author = bob.into();
    let twin = add_twins(&mut session);
    session.flush().await.expect_err("one key");
    session.recover().await?;
    session[twin].id = 8;
    session.commit().await?;
    assert!(session[ada].id < session[bob].id);
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), session[bob].id)]);
    assert_eq!(session[bob].posts.loaded(), Some(&[notes][..]));
    assert!(session[ada].posts.is_empty());
    Ok(())
}

/// Rule 8.
async fn rollback_brings_no_detached_member_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [root, one] = ["root", "one"].map(|name| session.add(node(name)));
    session[root].children.push(one);
    session.commit().await?;
    session[root].name = "changed".into();
    session.flush().await?;
    session.detach(one);
    session.rollback().await?;
    assert_eq!(session[root].name, "root");
    assert_eq!(session[root].children.loaded(), Some(&[][..]));
    Ok(())
}

/// Rule 12: `unlink` undoes `link`, whichever side is named.
async fn a_queued_link_is_taken_back_from_the_other_side(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'child', NULL)").await?;
    let mut session = db.engine.session();
    let (root, child) = (session.get_one::<Node>(1).await?, session.get_one::<Node>(2).await?);
    session.link(root, Node::CHILDREN, child);
    session.unlink(child, Node::PARENT, root);
    session.commit().await?;
    assert!(session[child].parent.is_empty());
    assert_eq!(nodes(&db).await?[1], ("child".to_owned(), None));
    Ok(())
}

/// Rule 12, promise 7: there is no row of the parent any more that shows what was taken out.
async fn recover_keeps_a_child_out_of_a_new_parent(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let root = session.add(node("root"));
    let child = session.add(Node { parent: root.into(), ..node("child") });
    session.flush().await?;
    session[root].children.remove(child);
    let twin = add_twins(&mut session);
    session.flush().await.expect_err("one key");
    session.recover().await?;
    session[twin].id = 8;
    session.commit().await?;
    assert!(session[child].parent.is_empty() && session[root].children.is_empty());
    assert_eq!(nodes(&db).await?[1], ("child".to_owned(), None));
    Ok(())
}

/// Rule 2: a collection that nobody wrote is left alone by recover.
async fn rollback_after_recover_keeps_a_stored_collection(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [ada, bob] = ["Ada", "Bob"].map(|name| session.add(user(name)));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session[notes].author = bob.into();
    add_twins(&mut session);
    session.flush().await.expect_err("one key");
    session.recover().await?;
    session.rollback().await?;
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    Ok(())
}

/// Promise 7: a key that the database gave in the failed transaction is given anew.
async fn recover_keeps_links_by_key_to_rows_of_the_transaction(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(user("Other"));
    session.commit().await?;
    let ada = session.add(user("Ada"));
    session.flush().await?;
    let notes = session.add(post("Notes", BelongsTo::to_key(session[ada].id)));
    let twin = session.add(user("Other"));
    session.commit().await.expect_err("the address is taken");
    session.recover().await?;
    let had = 2;
    // Another row takes the key that she had.
    db.engine.execute(sql("INSERT INTO users (email, name) VALUES ('bob@example.org', 'Bob')")).await?;
    session.delete(twin);
    session.commit().await?;
    assert_eq!(session[notes].author.key(), Some(&session[ada].id));
    assert_ne!(session[ada].id, had);
    if db.has(Capability::KeysAreGivenAgain) {
        assert_eq!(session[ada].id, 3);
    }
    Ok(())
}
