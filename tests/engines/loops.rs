//! Statements that one call site of a session repeats.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use anyorm::observe::{NPlusOne, Observer, Repeated, RepeatedKind};
use anyorm::prelude::*;
use anyorm::{Result, SessionFactory};
use anyorm_tests::{Node, Post, Tag, User, blog, post, tag, user};
use futures_lite::FutureExt;
use orm_testkit::{Behaviour, Database, behaviours};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_query_in_a_loop_panics_with_its_place_and_leaves_the_session_whole,
    what_is_read_at_once_is_not_told,
    one_call_that_sends_a_statement_again_counts_once,
    other_places_other_statements_and_other_sessions_are_counted_apart,
    lists_of_any_length_are_one_statement,
    a_callback_and_the_observers_are_told_once,
    places_can_be_allowed,
    a_commit_for_each_row_is_told_where_asked_for,
    the_engine_asks_for_all_its_sessions,
];

async fn stored(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    for name in ["Ada", "Grace", "Mary", "Joan"] {
        let author = session.add(user(name));
        session.add(post(&format!("By {name}"), author));
    }
    session.commit().await
}

type Told = Arc<Mutex<Vec<(u32, u32, RepeatedKind)>>>;

fn telling(limit: u32) -> (NPlusOne, Told) {
    let told = Told::default();
    let list = Arc::clone(&told);
    let call = move |repeated: &Repeated<'_>| {
        list.lock().unwrap().push((repeated.location.line(), repeated.times, repeated.kind));
    };
    (NPlusOne::call(limit, call), told)
}

async fn a_query_in_a_loop_panics_with_its_place_and_leaves_the_session_whole(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = SessionFactory::new(db.engine.clone()).n_plus_one(NPlusOne::panic(2)).session();
    let users = session.all(User::select().order_by(User::ID)).await?;
    session[users[0]].age = Some(36);
    let mut loaded = 0;
    let here = line!() + 3;
    for &user in &users {
        db.log.clear();
        let load = session.load(&[user], User::POSTS);
        let Err(panic) = AssertUnwindSafe(load).catch_unwind().await else {
            loaded += 1;
            continue;
        };
        let message = panic.downcast_ref::<String>().expect("a message");
        assert!(
            message.starts_with(&format!("sent 3 times by one session at tests/engines/loops.rs:{here}: ")),
            "{message}"
        );
        assert!(message.contains(".with(relation)") && message.contains("\n  SELECT "), "{message}");
        assert!(db.log.statements().is_empty(), "nothing was sent");
        break;
    }
    assert_eq!(loaded, 2);
    // The session is as it was before the call, with its change.
    assert!(!session[users[2]].posts.is_loaded());
    session.commit().await?;
    let ages = db.engine.all(User::select().columns(User::AGE).order_by(User::ID)).await?;
    assert_eq!(ages, [Some(36), None, None, None]);
    assert_eq!(db.engine.statistics().in_use(), 0);
    Ok(())
}

async fn what_is_read_at_once_is_not_told(db: Database) -> Result<()> {
    stored(&db).await?;
    let mut session = SessionFactory::new(db.engine.clone()).n_plus_one(NPlusOne::panic(1)).session();
    let users = session.all(User::select().with(User::POSTS)).await?;
    session.load(&users, User::POSTS.then(Post::TAGS)).await?;
    for key in 1..=4 {
        // The identity map has them.
        assert!(session.get::<User>(key).await?.is_some());
    }
    Ok(())
}

async fn one_call_that_sends_a_statement_again_counts_once(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Node]).await?;
    let mut session = db.engine.session();
    for _ in 0..2 {
        let root = session.add(Node::default());
        let child = session.add(Node { parent: root.into(), ..Default::default() });
        session.add(Node { parent: child.into(), ..Default::default() });
    }
    session.commit().await?;
    let (look, told) = telling(1);
    let mut session = SessionFactory::new(db.engine.clone()).n_plus_one(look).session();
    let roots = session.all(Node::select().filter(Node::PARENT_ID.is_null())).await?;
    for (&root, expected) in roots.iter().zip([0, 1]) {
        // Each relation is a statement of its own, and all have the same text.
        db.log.clear();
        session.load(&[root], Node::CHILDREN.then(Node::CHILDREN.then(Node::CHILDREN))).await?;
        assert_eq!(db.log.statements().len(), 3);
        assert_eq!(told.lock().unwrap().len(), expected, "only the loop is told");
    }
    Ok(())
}

async fn other_places_other_statements_and_other_sessions_are_counted_apart(db: Database) -> Result<()> {
    stored(&db).await?;
    let sessions = SessionFactory::new(db.engine.clone()).n_plus_one(NPlusOne::panic(1));
    for _ in 0..3 {
        let mut session = sessions.session();
        session.count(User::select()).await?;
        session.count(User::select()).await?;
        for condition in [User::AGE.is_null(), User::AGE.is_not_null()] {
            session.count(User::select().filter(condition)).await?;
        }
    }
    Ok(())
}

async fn lists_of_any_length_are_one_statement(db: Database) -> Result<()> {
    stored(&db).await?;
    let (look, told) = telling(2);
    let mut session = SessionFactory::new(db.engine.clone()).n_plus_one(look).session();
    let here = line!() + 2;
    for keys in [vec![1], vec![2, 3], vec![1, 2, 3]] {
        session.all(User::select().filter(User::ID.is_in(keys))).await?;
    }
    assert_eq!(*told.lock().unwrap(), [(here, 3, RepeatedKind::Read)]);
    Ok(())
}

#[derive(Default)]
struct Repeats(Mutex<Vec<String>>);

impl Observer for Repeats {
    fn repeated(&self, repeated: &Repeated<'_>) {
        self.0.lock().unwrap().push(repeated.to_string());
    }
}

async fn a_callback_and_the_observers_are_told_once(_: Database) -> Result<()> {
    let repeats = Arc::new(Repeats::default());
    let engine = Engine::builder("sqlite::memory:").observer(Arc::<Repeats>::clone(&repeats)).open().await?;
    engine.create_all(&blog()).await?;
    let (look, told) = telling(2);
    let mut session = SessionFactory::new(engine.clone()).n_plus_one(look).session();
    let here = line!() + 2;
    for id in 1..=6 {
        session.execute(Tag::delete().filter(Tag::ID.eq(id))).await?;
    }
    assert_eq!(*told.lock().unwrap(), [(here, 3, RepeatedKind::Write)]);
    drop(session); // and its transaction
    let lines = std::mem::take(&mut *repeats.0.lock().unwrap());
    assert!(lines.len() == 1 && lines[0].contains("insert_many"), "{lines:?}");

    let mut session = SessionFactory::new(engine).n_plus_one(NPlusOne::warn(1)).session();
    for id in 1..=3 {
        session.get::<Tag>(id).await?;
    }
    assert_eq!(repeats.0.lock().unwrap().len(), 1);
    Ok(())
}

async fn places_can_be_allowed(db: Database) -> Result<()> {
    stored(&db).await?;
    let look = |place: &str| NPlusOne::panic(1).allow(place);
    let sessions = SessionFactory::new(db.engine.clone());
    let repeat = async |sessions: SessionFactory| {
        let mut session = sessions.session();
        for id in 10..=13 {
            session.get::<User>(id).await?;
        }
        Ok::<_, anyorm::Error>(())
    };
    repeat(sessions.clone().n_plus_one(look("engines/loops.rs"))).await?;
    let refused = repeat(sessions.n_plus_one(look("engines/others.rs")));
    assert!(AssertUnwindSafe(refused).catch_unwind().await.is_err());
    Ok(())
}

async fn a_commit_for_each_row_is_told_where_asked_for(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let (look, told) = telling(2);
    for (look, expected) in [(look.clone(), 0), (look.flushes(), 1)] {
        let mut session = SessionFactory::new(db.engine.clone()).n_plus_one(look).session();
        let here = line!() + 3;
        for number in 0..4 {
            session.add(tag(&format!("tag {expected} {number}")));
            session.commit().await?;
        }
        let told = told.lock().unwrap();
        assert_eq!(told.len(), expected);
        assert!(told.iter().all(|told| *told == (here, 3, RepeatedKind::Flush)), "{told:?}");
    }
    // A panic comes before anything is sent, and what is pending still is.
    let look = NPlusOne::panic(1).flushes();
    let mut session = SessionFactory::new(db.engine.clone()).n_plus_one(look).session();
    for name in ["one", "two"] {
        session.add(tag(name));
        let _ = AssertUnwindSafe(session.commit()).catch_unwind().await;
    }
    assert_eq!(db.engine.count(Tag::select().filter(Tag::NAME.is_in(["one", "two"]))).await?, 1);
    session.commit().await?;
    assert_eq!(db.engine.count(Tag::select().filter(Tag::NAME.is_in(["one", "two"]))).await?, 2);
    Ok(())
}

async fn the_engine_asks_for_all_its_sessions(_: Database) -> Result<()> {
    let (look, told) = telling(1);
    let engine = Engine::builder("sqlite::memory:").n_plus_one(look).open().await?;
    engine.create_all(&blog()).await?;
    engine
        .transaction(|mut tx| async move {
            for id in 1..=3 {
                tx.get::<User>(id).await?;
            }
            Ok(())
        })
        .await?;
    assert_eq!(told.lock().unwrap().len(), 1);
    Ok(())
}
