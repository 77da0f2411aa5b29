//! Soft delete: `session.delete(..)` sets a column, and the row stays; queries leave it out.
//!
//! ```text
//! cargo run --example soft_delete
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use std::marker::PhantomData;
use std::time::{SystemTime, UNIX_EPOCH};

use anyorm::prelude::*;
use anyorm::{Moments, Result, SessionHooks};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "notes")]
struct Note {
    #[key(auto)]
    id: i64,
    text: String,
    deleted_at: Option<i64>,
}

/// An entity whose rows stay.
trait SoftDelete: Entity {
    fn set_deleted_at(&mut self, at: i64);
}

impl SoftDelete for Note {
    fn set_deleted_at(&mut self, at: i64) {
        self.deleted_at = Some(at);
    }
}

struct SoftDeletes<E>(PhantomData<fn() -> E>);

impl<E: SoftDelete> SessionHooks for SoftDeletes<E> {
    fn moments(&self) -> Moments {
        Moments::BEFORE_FLUSH
    }

    /// Before the flush looks at what there is to write: each delete becomes a change.
    async fn before_flush(&self, session: &mut Session) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
        for entity in session.deleted::<E>() {
            session.undelete(entity);
            session[entity].set_deleted_at(now.as_secs() as i64);
        }
        Ok(())
    }
}

async fn app() -> Result<()> {
    let engine = Engine::open("sqlite::memory:").await?;
    engine.create_all(&schema![Note]).await?;
    // The hook keeps the rows, the filter hides them.
    let sessions = SessionFactory::new(engine)
        .listen(SoftDeletes::<Note>(PhantomData))
        .filter(Note::DELETED_AT.is_null());

    let mut session = sessions.session();
    let added = ["Buy ink", "Buy paper"].map(|text| Note { text: text.into(), ..Default::default() });
    let [ink, paper] = session.add_all(added)[..] else { unreachable!("two were added") };
    session.commit().await?;

    session.delete(ink);
    session.commit().await?; // UPDATE notes SET deleted_at = ?
    println!("deleted at {:?}", session[ink].deleted_at);
    assert_eq!(session.all(Note::select()).await?, [paper]);

    // The ways round the filter: one query, or a session.
    let trash = Note::select().filter(Note::DELETED_AT.is_not_null()).unfiltered();
    assert_eq!(session.all(trash).await?, [ink]);
    let mut all = sessions.unfiltered().session();
    assert_eq!(all.count(Note::select()).await?, 2);

    // Back again.
    session[ink].deleted_at = None;
    session.commit().await?;
    assert_eq!(session.count(Note::select()).await?, 2);

    // A statement by criteria goes round the hook: this one is for good.
    session.execute(Note::delete().filter(Note::TEXT.eq("Buy paper"))).await?;
    session.commit().await?;
    assert_eq!(all.count(Note::select()).await?, 1);
    Ok(())
}

fn main() -> Result<()> {
    futures_lite::future::block_on(app())
}

#[test]
fn it_runs() {
    main().expect("it runs");
}
