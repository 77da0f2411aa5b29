//! Handles that are stale, or of another session.

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Account, Node, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use anyorm_tests::check::{nothing_lost, panic_of, says};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_handle_of_another_session_panics_and_says_so,
    a_stale_handle_panics_and_says_why,
    a_deleted_entity_is_read_but_not_written,
    a_handle_of_another_session_in_a_relation_field_is_a_flush_error,
    a_stale_handle_in_a_relation_field_is_a_flush_error,
];

async fn a_handle_of_another_session_panics_and_says_so(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let (mut here, mut there) = (db.engine.session(), db.engine.session());
    let mine = here.add(Account { id: 1, balance: 1 });
    let theirs = there.add(Account { id: 2, balance: 2 });
    let foreign = "this handle of Account belongs to another session";
    for text in [
        panic_of(|| here[theirs].balance),
        panic_of(|| here[theirs].balance = 3),
        panic_of(|| here.delete(theirs)),
        panic_of(|| here.detach(theirs)),
        panic_of(|| drop(here.refresh(theirs))),
    ] {
        assert!(text.starts_with(foreign), "{text}");
    }
    assert!(here.peek(theirs).is_none());
    here.commit().await?;
    there.commit().await?;
    assert_eq!((here[mine].balance, there[theirs].balance), (1, 2));
    nothing_lost(&db.engine).await
}

async fn a_stale_handle_panics_and_says_why(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = |id| Account { id, balance: id };
    let [deleted, detached] = [1, 2].map(|id| session.add(account(id)));
    session.commit().await?;
    session.delete(deleted);
    session.commit().await?;
    session.detach(detached);
    let rolled_back = session.add(account(3));
    session.rollback().await?;
    let never = session.add(account(4));
    session.delete(never);
    session.commit().await?;
    for handle in [deleted, detached, rolled_back, never] {
        assert!(session.peek(handle).is_none(), "{handle:?}");
        for text in [
            panic_of(|| session[handle].balance),
            panic_of(|| session[handle].balance = 1),
            panic_of(|| session.delete(handle)),
            panic_of(|| session.detach(handle)),
            panic_of(|| drop(session.refresh(handle))),
        ] {
            assert!(text.starts_with("this handle of Account is stale"), "{text}");
        }
    }
    let node = session.add(Node::default());
    session.clear();
    let text = panic_of(|| drop(session.load(&[node], Node::CHILDREN)));
    assert!(text.starts_with("this handle of Node is stale"), "{text}");
    // A new tenant of the same slot does not answer to the old handle.
    let again = session.add(account(5));
    session.commit().await?;
    assert_eq!(session[again].id, 5);
    assert!([deleted, detached, rolled_back, never].iter().all(|&handle| session.peek(handle).is_none()));
    nothing_lost(&db.engine).await
}

async fn a_deleted_entity_is_read_but_not_written(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let account = session.add(Account { id: 7, balance: 1 });
    session.commit().await?;
    session.delete(account);
    assert_eq!(session[account].balance, 1);
    let before = panic_of(|| session[account].balance = 2);
    session.flush().await?;
    let after = panic_of(|| session[account].balance = 2);
    for text in [before, after] {
        assert_eq!(text, "Account 7 is deleted: it can be read until the commit, but not written");
    }
    session.rollback().await?;
    session[account].balance = 2;
    session.commit().await?;
    assert_eq!(db.engine.one(Account::select().columns(Account::BALANCE)).await?, 2);
    nothing_lost(&db.engine).await
}

async fn a_handle_of_another_session_in_a_relation_field_is_a_flush_error(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let (mut here, mut there) = (db.engine.session(), db.engine.session());
    let ada = there.add(user("Ada"));
    let engines = there.add(tag("engines"));
    there.commit().await?;

    let notes = here.add(post("Notes", ada));
    db.log.clear();
    is_flush_error(
        &here.commit().await,
        "new Post: `author` is a handle of another session: use one that this session gave",
    );
    let bob = here.add(user("Bob"));
    here[notes].author = bob.into();
    here[notes].tags.push(engines);
    is_flush_error(
        &here.commit().await,
        "new Post: the collection `tags` contains a handle of another session",
    );
    assert_eq!(db.log.hops(), 0, "nothing was sent");
    here[notes].tags.remove(engines);
    here.commit().await?;
    assert_eq!(here[notes].author.key(), Some(&2));
    nothing_lost(&db.engine).await
}

async fn a_stale_handle_in_a_relation_field_is_a_flush_error(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let gone = session.add(user("Gone"));
    session.commit().await?;
    session.delete(gone);
    session.commit().await?;
    let notes = session.add(post("Notes", gone));
    let stale = "new Post: `author` is a handle whose entity has left the session: give it another";
    is_flush_error(&session.commit().await, stale);
    let ada = session.add(user("Ada"));
    session[notes].author = ada.into();
    session.commit().await?;
    nothing_lost(&db.engine).await
}

#[track_caller]
fn is_flush_error(result: &Result<()>, problem: &str) {
    let error = result.as_ref().expect_err("it is refused");
    assert!(matches!(error, Error::Flush(_)), "{error:?}");
    says(error, &[problem]);
}
