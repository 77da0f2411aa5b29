//! Unique values that pass from one row to another in one flush.

use anyorm::prelude::*;
use anyorm_tests::{Account, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_deleted_value_is_free_for_a_new_row,
    a_changed_value_is_free_for_a_new_row_and_for_another,
    a_deleted_parent_gives_up_its_value_after_its_children_moved_to_the_new_one,
    k7_keys_pass_along_a_chain,
    two_rows_that_swap_a_required_value_are_told_apart,
    two_rows_that_swap_a_nullable_value_pass_through_null,
    links_of_a_row_that_must_wait_are_written_with_the_others,
];

/// A seat that may be free: a nullable unique column.
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "guests")]
struct Guest {
    #[key(auto)]
    id: i64,
    #[column(unique)]
    seat: Option<i32>,
}

async fn a_deleted_value_is_free_for_a_new_row(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let old = session.add(tag("engines"));
    session.commit().await?;
    session.delete(old);
    let new = session.add(tag("engines"));
    session.commit().await?;
    assert_eq!(session[new].name, "engines");
    assert_eq!(session.count(anyorm_tests::Tag::select()).await?, 1);
    Ok(())
}

async fn a_changed_value_is_free_for_a_new_row_and_for_another(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [a, b, c] = ["a", "b", "c"].map(|name| session.add(tag(name)));
    session.commit().await?;
    // a takes b's name, b takes c's, c takes a free one, a new row takes a's.
    session[a].name = "b".into();
    session[b].name = "c".into();
    session[c].name = "d".into();
    let new = session.add(tag("a"));
    session.commit().await?;
    let names: Vec<String> = db
        .engine
        .all(
            anyorm_tests::Tag::select()
                .order_by(anyorm_tests::Tag::ID.asc())
                .columns(anyorm_tests::Tag::NAME),
        )
        .await?;
    assert_eq!(names, ["b", "c", "d", "a"]);
    assert_eq!(session[new].id, 4);
    Ok(())
}

async fn a_deleted_parent_gives_up_its_value_after_its_children_moved_to_the_new_one(
    db: Database,
) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (old, heir) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", old));
    session.commit().await?;
    session[notes].author = heir.into();
    session.delete(old);
    let new = session.add(user("Ada"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        db.log.statements()[1..4],
        [
            "UPDATE posts SET author_id = ?, version = ? WHERE id = ? AND version = ?",
            "DELETE FROM users WHERE id = ?",
            "INSERT INTO users (email, name, age) VALUES (?, ?, ?)",
        ]
    );
    assert_eq!(session[heir].posts.loaded(), Some(&[notes][..]));
    assert_eq!(session[new].name, "Ada");
    Ok(())
}

async fn k7_keys_pass_along_a_chain(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (editable, published) = (1, 2);
    let [draft, live] = [editable, published].map(|id| session.add(Account { id, balance: id * 10 }));
    session.commit().await?;
    session[draft].id = published;
    session[live].id = 3;
    session.commit().await?;
    assert_eq!(session.get::<Account>(published).await?, Some(draft));
    assert_eq!(session.get::<Account>(3).await?, Some(live));
    assert_eq!(session.get::<Account>(editable).await?, None);
    let stored: Vec<(i64, i64)> = db
        .engine
        .all(Account::select().order_by(Account::ID.asc()).columns((Account::ID, Account::BALANCE)))
        .await?;
    assert_eq!(stored, [(2, 10), (3, 20)]);
    Ok(())
}

async fn two_rows_that_swap_a_required_value_are_told_apart(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    session.commit().await?;
    let (a, b) = (session[ada].email.clone(), session[bob].email.clone());
    (session[ada].email, session[bob].email) = (b, a);
    let error = session.commit().await.expect_err("neither can go first");
    assert!(matches!(error, anyorm::Error::Circular(_)), "{error}");
    assert!(error.to_string().contains("User 1") && error.to_string().contains("User 2"), "{error}");
    session.rollback().await?;
    assert_eq!(session[ada].email, "ada@example.org");
    assert_eq!(session.count(User::select()).await?, 2);
    Ok(())
}

async fn two_rows_that_swap_a_nullable_value_pass_through_null(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&schema![Guest]).await?;
    let mut session = db.engine.session();
    let (a, b) = (
        session.add(Guest { seat: Some(1), ..Guest::default() }),
        session.add(Guest { seat: Some(2), ..Guest::default() }),
    );
    session.commit().await?;
    (session[a].seat, session[b].seat) = (Some(2), Some(1));
    session.commit().await?;
    let seats: Vec<Option<i32>> =
        db.engine.all(Guest::select().order_by(Guest::ID.asc()).columns(Guest::SEAT)).await?;
    assert_eq!(seats, [Some(2), Some(1)]);
    Ok(())
}

async fn links_of_a_row_that_must_wait_are_written_with_the_others(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let [old, first, last] = ["x", "first", "last"].map(|name| session.add(tag(name)));
    session.commit().await?;
    // The new tag waits for the old one's delete, and its link with it: the links around it do not.
    session.delete(old);
    let notes = session.add(post("Notes", ada));
    let new = session.add(tag("x"));
    for member in [first, new, last] {
        session[notes].tags.push(member);
    }
    session.commit().await?;
    let links: Vec<(i64, i64)> = db
        .engine
        .all(sql("SELECT post_id, tag_id FROM post_tags ORDER BY tag_id").returning::<(i64, i64)>())
        .await?;
    let expected = [first, last, new].map(|tag| (session[notes].id, session[tag].id));
    assert_eq!(links, expected);
    Ok(())
}
