//! The calls of an engine.

use anyorm::prelude::*;
use anyorm::{Begin, Error, Isolation, Result};
use anyorm_tests::check::{full_again, nothing_lost};
use anyorm_tests::{Account, Node};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::bank::{self, BEFORE, MORE, RAISED, account, happened, more, raise, settled, unchanged, whole};
use crate::moments::drop_each;

pub(crate) const CASES: &[Behaviour] =
    &behaviours![opening, reads, writes, guards_on_their_way, schemas, closing];

fn url(db: &Database) -> String {
    db.file().map_or("sqlite::memory:".to_owned(), |file| format!("sqlite://{}", file.display()))
}

async fn opening(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let url = url(&db);
    drop_each!(
        url = url.as_str();
        [
            "Engine::open" => Engine::open(url),
            "EngineBuilder::open" => Engine::builder(url).open(),
        ];
        dropped => { unchanged(&db, dropped).await?; }
    );
    nothing_lost(&db.engine).await
}

async fn reads(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        engine = &db.engine;
        [
            "Engine::all" => engine.all(Account::select()),
            "Engine::first" => engine.first(Account::select()),
            "Engine::one" => engine.one(Account::select().filter(Account::ID.eq(1))),
            "Engine::scalar" => engine.scalar(Account::select().columns(sum(Account::BALANCE))),
            "Engine::count" => engine.count(Account::select()),
            "Engine::batch" => engine.batch((Account::select(), Node::select())),
            "Engine::exists" => engine.exists(Account::select()),
        ];
        dropped => { unchanged(&db, dropped).await?; }
    );
    nothing_lost(&db.engine).await
}

async fn writes(db: Database) -> Result<()> {
    bank::open(&db).await?;
    drop_each!(
        engine = &db.engine;
        [
            "Engine::execute" => engine.execute(raise()),
            "Engine::update_many" => engine.update_many(RAISED.map(account)),
        ];
        dropped => { happened(&db, &RAISED, dropped).await?; }
    );
    drop_each!(
        engine = &db.engine;
        ["Engine::insert_many" => engine.insert_many(more())];
        dropped => { happened(&db, &MORE, dropped).await?; }
    );
    nothing_lost(&db.engine).await
}

/// Who got a guard drops it at once here.
async fn guards_on_their_way(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let serializable = Begin::new().isolation(Isolation::Serializable);
    drop_each!(
        engine = &db.engine;
        [
            "Engine::begin" => engine.begin(),
            "Engine::begin_with" => engine.begin_with(serializable),
            "Engine::begin_with" => engine.begin_with(Begin::new().read_only()),
            "Engine::connection" => engine.connection(),
            "Engine::sandbox" => engine.sandbox(),
        ];
        dropped => { unchanged(&db, dropped).await?; }
    );
    nothing_lost(&db.engine).await
}

/// All tables or none.
async fn schemas(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let (made, accounts) = (schema![Account, Node], BEFORE.map(account));
    let tables = || {
        let named = db.by_dialect(
            "SELECT count(*) FROM sqlite_master WHERE name IN ('accounts', 'nodes')",
            "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema AND tablename IN ('accounts', 'nodes')",
        );
        sql(named).returning::<i64>()
    };
    drop_each!(
        engine = { db.engine.drop_all(&made).await?; &db.engine };
        ["Engine::create_all" => engine.create_all(&made)];
        dropped => {
            full_again(&db.engine);
            let found = db.engine.scalar(tables()).await?;
            assert!(found == 0 || (found == 2 && dropped.polled), "{found} of 2 tables: {dropped:?}");
            assert!(found == 2 || !dropped.ready, "{dropped:?}");
        }
    );
    db.engine.create_all(&made).await?;
    drop_each!(
        engine = &db.engine;
        ["Engine::advance_keys" => engine.advance_keys(&made)];
        dropped => { full_again(&db.engine); assert!(dropped.polled || !dropped.ready, "{dropped:?}"); }
    );
    drop_each!(
        engine = {
            db.engine.create_all(&made).await?;
            db.engine.execute(Account::delete().everything()).await?;
            db.engine.insert_many(accounts.clone()).await?;
            &db.engine
        };
        ["Engine::drop_all" => engine.drop_all(&made)];
        dropped => {
            full_again(&db.engine);
            let found = db.engine.scalar(tables()).await?;
            assert!(found == 2 || (found == 0 && dropped.polled), "{found} of 2 tables: {dropped:?}");
            assert!(found == 0 || !dropped.ready, "{dropped:?}");
            if found == 2 {
                settled(&db, &[&BEFORE], dropped).await?;
            }
        }
    );
    db.engine.create_all(&made).await?;
    nothing_lost(&db.engine).await
}

async fn closing(db: Database) -> Result<()> {
    bank::open(&db).await?;
    let (url, one) = (url(&db), || sql("SELECT 1").returning::<i64>());
    drop_each!(
        engine = {
            let engine = Engine::open(&url).await?;
            assert_eq!(engine.scalar(one()).await?, 1);
            engine
        };
        [
            "Engine::close" => engine.close(),
            "Engine::close_within" => engine.close_within(std::time::Duration::from_secs(30)),
        ];
        dropped => {
            full_again(&engine);
            whole(engine.statistics());
            match engine.scalar(one()).await {
                Ok(_) => assert!(!dropped.polled, "{dropped:?}"),
                Err(error) => assert!(dropped.polled && matches!(error, Error::Closed), "{error}: {dropped:?}"),
            }
            unchanged(&db, dropped).await?;
        }
    );
    nothing_lost(&db.engine).await
}
