//! Every future may move to another thread, and every guard may be shared: checked by the compiler.

use orm_core::program::Discard;
use orm_core::{Program, Schema, sql};
use orm_exec::{
    Access, Connection, Engine, EngineBuilder, Job, JobOutput, Lease, Operation, Savepoint, Transaction,
    bridge,
};

fn send<T: Send>(value: T) -> T {
    value
}

fn send_and_sync<T: Send + Sync>() {}

#[test]
fn types_are_send_and_sync() {
    send_and_sync::<Engine>();
    send_and_sync::<EngineBuilder>();
    send_and_sync::<Connection>();
    send_and_sync::<Transaction>();
    send_and_sync::<Savepoint<'static>>();
    send_and_sync::<Lease>();
    send_and_sync::<Job<Discard>>();
    send_and_sync::<JobOutput<Discard>>();
    send_and_sync::<bridge::Limiter>();
}

/// Never awaited: the compiler's word is enough.
#[allow(dead_code, reason = "compiled, not run")]
async fn futures(engine: Engine, schema: Schema, lease: Lease) -> orm_core::Result<()> {
    let one = || sql("SELECT 1").returning::<i64>();
    macro_rules! verbs {
        ($receiver:ident) => {
            send($receiver.all(one())).await?;
            send($receiver.first(one())).await?;
            send($receiver.one(one())).await?;
            send($receiver.scalar(one())).await?;
            send($receiver.count(one())).await?;
            send($receiver.exists(one())).await?;
            send($receiver.execute(one())).await?;
        };
    }
    send(Engine::open("sqlite::memory:")).await?;
    send(Engine::builder("sqlite::memory:").open()).await?;
    verbs!(engine);
    let mut connection = send(engine.connection()).await?;
    verbs!(connection);
    let mut transaction = send(engine.begin()).await?;
    verbs!(transaction);
    let mut savepoint = send(transaction.begin_nested()).await?;
    verbs!(savepoint);
    send(send(savepoint.begin_nested()).await?.rollback()).await?;
    send(savepoint.release()).await?;
    send(transaction.commit()).await?;
    send(send(engine.begin()).await?.rollback()).await?;
    send(engine.create_all(&schema)).await?;
    send(engine.drop_all(&schema)).await?;
    send(engine.lease(Access::Write, std::panic::Location::caller())).await?;
    send(lease.run(Program::default(), Discard)).await.result?;
    send(bridge::run_sync(|| ())).await;
    send(engine.close()).await
}

#[test]
fn an_operation_outlives_what_it_was_made_from() {
    fn owned() -> Operation<'static, Transaction> {
        let engine = futures_lite::future::block_on(Engine::open("sqlite::memory:"));
        engine.map_or_else(|error| Operation::new(async { Err(error) }), |engine| engine.begin())
    }
    assert!(futures_lite::future::block_on(owned()).is_ok());
}
