//! Audit log: who changed what, with the values before and after, in the same transaction as the change.
//!
//! ```text
//! cargo run --example audit_log
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use anyorm::prelude::*;
use anyorm::{Changes, Moments, Result, SessionHooks};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "accounts")]
struct Account {
    #[key(auto)]
    id: i64,
    owner: String,
    balance: i64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "audit_log")]
struct Entry {
    #[key(auto)]
    id: i64,
    who: String,
    what: String,
    /// `balance: 50 -> 40`, a line for each column.
    details: String,
}

struct Audit {
    who: String,
}

impl SessionHooks for Audit {
    fn moments(&self) -> Moments {
        Moments::AFTER_FLUSH
    }

    /// What this adds is flushed in a second round of the same commit, whose changes are entries only.
    async fn after_flush(&self, session: &mut Session, changes: &Changes) -> Result<()> {
        for change in changes.iter().filter(|change| change.entity != "Entry") {
            let key = change.key.as_deref().unwrap_or_default();
            let details: Vec<String> = change.values().iter().map(ToString::to_string).collect();
            session.add(Entry {
                who: self.who.clone(),
                what: format!("{} {} {key}", change.action, change.entity),
                details: details.join("\n"),
                ..Default::default()
            });
        }
        Ok(())
    }
}

async fn app() -> Result<()> {
    let engine = Engine::open("sqlite::memory:").await?;
    engine.create_all(&schema![Account, Entry]).await?;

    let mut session = engine.session();
    session.listen(Audit { who: "grace".into() });
    let account = session.add(Account { owner: "Ada".into(), balance: 50, ..Default::default() });
    session.commit().await?;
    session[account].balance = 40;
    session.commit().await?;

    // What is rolled back leaves no trace.
    session[account].balance = 0;
    session.flush().await?;
    session.rollback().await?;

    session.delete(account);
    session.commit().await?;

    let entries = engine.all(Entry::select().order_by(Entry::ID)).await?;
    for entry in &entries {
        println!("{} did: {}\n{}\n", entry.who, entry.what, entry.details);
    }
    let noted: Vec<_> = entries.iter().map(|entry| (&*entry.what, &*entry.details)).collect();
    assert_eq!(
        noted,
        [
            ("insert Account 1", "id: 1\nowner: Ada\nbalance: 50"),
            ("update Account 1", "balance: 50 -> 40"),
            ("delete Account 1", "id: 1\nowner: Ada\nbalance: 40"),
        ]
    );
    Ok(())
}

fn main() -> Result<()> {
    futures_lite::future::block_on(app())
}

#[test]
fn it_runs() {
    main().expect("it runs");
}
