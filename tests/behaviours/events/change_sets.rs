//! What `after_flush` is told.

use anyorm::prelude::*;
use anyorm::{Changes, Moments, Result, SessionHooks, Value};
use anyorm_tests::{Account, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use super::Notes;
use crate::support::elsewhere;

pub(super) const BEHAVIOURS: &[Behaviour] = &behaviours![
    values_before_and_after,
    keys_and_values_that_the_database_gave,
    a_row_switch_shows_both_values,
    handles_of_a_type_in_order,
    values_as_json,
    changes_of_a_plan_have_values_too,
];

/// Notes the values of each change.
struct Values(Notes);

impl SessionHooks for Values {
    fn moments(&self) -> Moments {
        Moments::AFTER_FLUSH
    }

    async fn after_flush(&self, _: &mut Session, changes: &Changes) -> Result<()> {
        for change in changes {
            let values: Vec<String> = change.values().iter().map(ToString::to_string).collect();
            let key = change.key.as_deref().unwrap_or("(new)");
            self.0.add(format!("{} {} {key}: {}", change.action, change.entity, values.join(", ")));
        }
        Ok(())
    }
}

async fn session(db: &Database) -> Result<(Session, Notes)> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen(Values(notes.clone()));
    Ok((session, notes))
}

async fn values_before_and_after(db: Database) -> Result<()> {
    let (mut session, notes) = session(&db).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10), (2, 20)").await?;
    let known = session.all(Account::select().order_by(Account::ID)).await?;
    session.add(Account { id: 3, balance: 30 });
    session[known[0]].balance = 11;
    session[known[1]].balance = 21;
    session.delete(known[1]);
    session.commit().await?;
    assert_eq!(
        notes.take(),
        [
            "insert Account 3: id: 3, balance: 30",
            "update Account 1: balance: 10 -> 11",
            "delete Account 2: id: 2, balance: 20"
        ]
    );
    Ok(())
}

async fn keys_and_values_that_the_database_gave(db: Database) -> Result<()> {
    let (mut session, notes) = session(&db).await?;
    let ada = session.add(user("Ada"));
    let letter = session.add(post("Letter", ada));
    let red = session.add(tag("red"));
    session[letter].tags.push(red);
    session.commit().await?;
    assert_eq!(
        notes.take(),
        [
            "insert User 1: id: 1, email: ada@example.org, name: Ada, age: NULL",
            "insert Post 1: id: 1, title: Letter, author_id: 1, version: 0",
            "insert Tag 1: id: 1, name: red",
            "link Post 1: ",
        ]
    );
    Ok(())
}

async fn a_row_switch_shows_both_values(db: Database) -> Result<()> {
    let (mut session, notes) = session(&db).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10)").await?;
    let old = session.get_one::<Account>(1).await?;
    session.delete(old);
    session.add(Account { id: 1, balance: 12 });
    session.commit().await?;
    assert_eq!(notes.take(), ["update Account 1: balance: 10 -> 12"]);
    Ok(())
}

async fn handles_of_a_type_in_order(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10), (2, 20)").await?;
    let mut session = db.engine.session();
    let known = session.all(Account::select().order_by(Account::ID)).await?;
    let tags = session.add_all(["red", "blue"].map(tag));
    session[known[0]].balance = 11;
    session.delete(known[1]);
    let changes = session.changes()?;
    assert_eq!(changes.inserted::<Tag>(), tags);
    assert_eq!(changes.updated::<Account>(), known[..1]);
    assert_eq!(changes.deleted::<Account>(), known[1..]);
    assert!(changes.inserted::<User>().is_empty() && changes.updated::<Post>().is_empty());
    Ok(())
}

async fn values_as_json(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO users VALUES (1, 'a', 'Ada', NULL)").await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<User>(1).await?;
    session[ada].age = Some(36);
    let changes = session.changes()?;
    let values = changes.iter().flat_map(|change| change.values());
    let json: serde_json::Value =
        values.map(|value| (value.column.to_owned(), serde_json::json!([value.old, value.new]))).collect();
    assert_eq!(json, serde_json::json!({ "age": [null, 36] }));
    Ok(())
}

async fn changes_of_a_plan_have_values_too(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10)").await?;
    let mut session = db.engine.session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 11;
    let changes = session.changes()?;
    let change = changes.iter().next().expect("there is one");
    let balance = change.column("balance").expect("it changes");
    assert_eq!((&balance.old, &balance.new), (&Some(Value::Int(10)), &Some(Value::Int(11))));
    assert_eq!((change.column("id"), change.handle::<User>()), (None, None));
    assert_eq!(change.handle::<Account>(), Some(account));
    Ok(())
}
