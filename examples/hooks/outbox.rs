//! Outbox: messages are written in the same transaction as what they tell of, and handed out once it is committed. A
//! program that stops in between hands them out when it is back: each at least once.
//!
//! ```text
//! cargo run --example outbox
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use std::sync::{Arc, Mutex};

use anyorm::prelude::*;
use anyorm::{Changes, Moments, Result, SessionHooks};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "orders")]
struct Order {
    #[key(auto)]
    id: i64,
    item: String,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "outbox")]
struct Message {
    #[key(auto)]
    id: i64,
    text: String,
}

/// Where messages go: here a list, elsewhere a broker.
type Wire = Arc<Mutex<Vec<String>>>;

struct Outbox(Wire);

impl SessionHooks for Outbox {
    fn moments(&self) -> Moments {
        Moments::AFTER_FLUSH | Moments::AFTER_COMMIT
    }

    async fn after_flush(&self, session: &mut Session, changes: &Changes) -> Result<()> {
        for order in changes.inserted::<Order>() {
            let text = format!("order {}: {}", session[order].id, session[order].item);
            session.add(Message { text, ..Default::default() });
        }
        Ok(())
    }

    async fn after_commit(&self, session: &mut Session) -> Result<()> {
        hand_out(session.engine(), &self.0).await
    }
}

/// Also called when the program starts.
async fn hand_out(engine: &Engine, wire: &Wire) -> Result<()> {
    let mut session = engine.session(); // one without hooks
    for message in session.all(Message::select().order_by(Message::ID)).await? {
        wire.lock().expect("nobody panics with it").push(session[message].text.clone());
        session.delete(message);
        session.commit().await?;
    }
    Ok(())
}

async fn app() -> Result<()> {
    let engine = Engine::open("sqlite::memory:").await?;
    engine.create_all(&schema![Order, Message]).await?;
    let wire = Wire::default();
    let sent = || std::mem::take(&mut *wire.lock().expect("nobody panics with it"));

    let mut session = engine.session();
    session.listen(Outbox(Arc::clone(&wire)));
    session.add(Order { item: "ink".into(), ..Default::default() });
    session.flush().await?;
    assert!(sent().is_empty(), "it is not certain yet");
    session.rollback().await?;

    session.add(Order { item: "paper".into(), ..Default::default() });
    session.commit().await?;
    let sent = sent();
    println!("sent: {sent:?}");
    assert_eq!(sent, ["order 1: paper"]);
    assert_eq!(engine.count(Message::select()).await?, 0);
    Ok(())
}

fn main() -> Result<()> {
    futures_lite::future::block_on(app())
}

#[test]
fn it_runs() {
    main().expect("it runs");
}
