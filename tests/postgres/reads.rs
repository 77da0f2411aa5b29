//! Several reads of one call see one state, whatever others commit in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use anyorm::batch;
use anyorm::prelude::*;
use anyorm::{Engine, Result};

use crate::support::{Place, each};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "parents")]
struct Parent {
    #[key]
    id: i64,
    children_count: i64,
    #[has_many(Child::PARENT)]
    children: HasMany<Child>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "children")]
struct Child {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    parent: BelongsTo<Parent>,
}

/// Adds children, and counts them in the same transaction, until it is told to stop.
struct Writer {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU32>,
    thread: Option<std::thread::JoinHandle<Result<()>>>,
}

impl Writer {
    fn start(engine: Engine) -> Self {
        let (stop, rounds) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&rounds));
        let thread = std::thread::spawn(move || {
            futures_lite::future::block_on(async move {
                while !stopped.load(Ordering::Relaxed) {
                    let mut transaction = engine.begin().await?;
                    transaction
                        .execute(
                            Child::insert()
                                .value(Child { parent: BelongsTo::to_key(1), ..Default::default() }),
                        )
                        .await?;
                    let counted =
                        Parent::update().set(Parent::CHILDREN_COUNT, Parent::CHILDREN_COUNT + 1).everything();
                    transaction.execute(counted).await?;
                    transaction.commit().await?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        });
        Self { stop, rounds, thread: Some(thread) }
    }

    /// Whether it has not done much yet.
    fn begins(&self) -> bool {
        self.rounds.load(Ordering::Relaxed) < 100
    }

    fn end(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("it ends once").join().expect("the writer does not panic")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

async fn with_parent(place: &Place) -> Result<()> {
    place.engine.create_all(&schema![Parent, Child]).await?;
    place.engine.execute(Parent::insert().value(Parent { id: 1, ..Default::default() })).await?;
    Ok(())
}

#[test]
fn a_batch_sees_one_state() {
    each(|place| async move {
        with_parent(&place).await?;
        let writer = Writer::start(place.engine.clone());
        let mut connection = place.engine.connection().await?;
        while writer.begins() {
            let queries = || {
                let counts = Parent::select().columns(Parent::CHILDREN_COUNT);
                (
                    batch::one(counts),
                    batch::count(Child::select()),
                    sql("SELECT pg_sleep(0.001)::text").returning::<String>(),
                    batch::count(Child::select()),
                )
            };
            let (noted, before, _, after) = place.engine.batch(queries()).await?;
            assert_eq!((noted, before), (i64::try_from(before).unwrap_or_default(), after));
            let (noted, before, _, after) = connection.batch(queries()).await?;
            assert_eq!((noted, before), (i64::try_from(before).unwrap_or_default(), after));
            let mut session = place.engine.session();
            let (noted, before, _, after) = session.load_all(queries()).await?;
            assert_eq!((noted, before), (i64::try_from(before).unwrap_or_default(), after));
        }
        writer.end()?;
        Ok(())
    });
}

#[test]
fn a_query_and_the_relations_loaded_with_it_see_one_state() {
    each(|place| async move {
        with_parent(&place).await?;
        let writer = Writer::start(place.engine.clone());
        while writer.begins() {
            let mut session = place.engine.session();
            let parent = session.one(Parent::select().with(Parent::CHILDREN)).await?;
            assert_eq!(session[parent].children.len() as i64, session[parent].children_count);
            assert!(!session.in_transaction());
        }
        writer.end()?;

        // In as many trips as before.
        place.log.clear();
        place.engine.session().one(Parent::select().with(Parent::CHILDREN)).await?;
        assert_eq!(place.log.hops(), 1);
        // A query alone needs no transaction.
        place.log.clear();
        place.engine.session().one(Parent::select()).await?;
        assert_eq!(place.log.statements().len(), 1);
        Ok(())
    });
}

#[test]
fn what_is_asked_for_at_begin_is_what_the_reads_get() {
    each(|place| async move {
        with_parent(&place).await?;
        // At the level of the database each read sees what was committed by then, also in a batch.
        let mut transaction = place.engine.begin().await?;
        assert_eq!(transaction.batch((batch::count(Child::select()),)).await?, (0,));
        place.engine.insert_many([Child { parent: BelongsTo::to_key(1), ..Default::default() }]).await?;
        assert_eq!(transaction.batch((batch::count(Child::select()),)).await?, (1,));
        transaction.commit().await?;

        let mut report = place.engine.begin_with(anyorm::Begin::new().read_only()).await?;
        assert_eq!(report.batch((batch::count(Child::select()),)).await?, (1,));
        place.engine.insert_many([Child { parent: BelongsTo::to_key(1), ..Default::default() }]).await?;
        assert_eq!(report.batch((batch::count(Child::select()),)).await?, (1,));
        report.commit().await
    });
}
