//! Timestamps: one hook sets when each entity was made and last changed, for all types that have the columns.
//!
//! ```text
//! cargo run --example timestamps
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use std::time::{SystemTime, UNIX_EPOCH};

use anyorm::prelude::*;
use anyorm::{EntityHooks, Listeners, Moments, Result};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "notes")]
struct Note {
    #[key(auto)]
    id: i64,
    text: String,
    created_at: i64,
    updated_at: i64,
}

/// An entity that says when.
trait Stamped {
    /// Made, and last changed: microseconds since 1970.
    fn stamps(&mut self) -> (&mut i64, &mut i64);
}

impl Stamped for Note {
    fn stamps(&mut self) -> (&mut i64, &mut i64) {
        (&mut self.created_at, &mut self.updated_at)
    }
}

struct Timestamps;

impl<E: Entity + Stamped> EntityHooks<E> for Timestamps {
    /// No after-hooks: a commit stays one hop.
    fn moments(&self) -> Moments {
        Moments::BEFORE_INSERT | Moments::BEFORE_UPDATE
    }

    fn before_insert(&self, entity: &mut E) -> Result<()> {
        let (created, updated) = entity.stamps();
        *created = now();
        *updated = *created;
        Ok(())
    }

    /// Only called where something differs, so that a write of the same value is no change.
    fn before_update(&self, entity: &mut E, _stored: &E) -> Result<()> {
        *entity.stamps().1 = now();
        Ok(())
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(since.as_micros()).expect("it is before the year 200,000")
}

async fn app() -> Result<()> {
    let engine = Engine::open("sqlite::memory:").await?;
    engine.create_all(&schema![Note]).await?;
    // Made once, shared by all sessions.
    let listeners = Listeners::new().listen_to::<Note>(Timestamps);

    let mut session = engine.session();
    session.attach(&listeners);
    let note = session.add(Note { text: "Buy ink".into(), ..Default::default() });
    session.commit().await?; // INSERT, with both
    println!("made {}", session[note].created_at);
    let made = session[note].clone();
    assert!(made.created_at > 0 && made.created_at == made.updated_at);

    std::thread::sleep(std::time::Duration::from_millis(1));
    session[note].text = "Buy ink".into(); // what it was
    session.commit().await?;
    assert_eq!(session[note].updated_at, made.updated_at);

    session[note].text = "Buy ink and paper".into();
    session.commit().await?; // UPDATE notes SET text = ?, updated_at = ?
    println!("changed {}", session[note].updated_at);
    assert!(session[note].updated_at > made.updated_at);
    assert_eq!(session[note].created_at, made.created_at);
    Ok(())
}

fn main() -> Result<()> {
    futures_lite::future::block_on(app())
}

#[test]
fn it_runs() {
    main().expect("it runs");
}
