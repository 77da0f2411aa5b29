//! The calls that only PostgreSQL has, dropped at each of their polls; after each drop, what `docs/cancellation.md` says.

use anyorm::prelude::*;
use anyorm::{Engine, Error, Result};
use orm_testkit::stop::{Stop, stops};

use crate::support::each;

/// Drops each of some calls at each of its polls. `$on` is made anew for each drop; `$check` is what must be true after it.
macro_rules! drop_each {
    ($on:ident = $make:expr; [$($name:literal => $call:expr),* $(,)?]; $dropped:ident => $check:block) => {$({
        for stop in stops() {
            #[allow(unused_mut, reason = "some calls take `&self`")]
            let mut $on = $make;
            let ready = stop.at(async { $call.await.map(drop) }).transpose()?.is_some();
            let $dropped = Dropped { call: $name, stop, ready };
            $check
            if ready {
                break;
            }
        }
    })*};
}

/// What became of a call.
#[derive(Clone, Copy, Debug)]
struct Dropped {
    #[expect(dead_code, reason = "messages print it")]
    call: &'static str,
    stop: Stop,
    ready: bool,
}

impl Dropped {
    /// Whether the call was sent, and its end not seen.
    fn half_way(self) -> bool {
        !self.ready && !self.stop.is_before_the_first_poll()
    }
}

/// The connections are all there, none of them is busy or inside a transaction, and nothing is set on them.
async fn nothing_lost(engine: &Engine, dropped: Dropped) -> Result<()> {
    let (mut connections, clean) =
        (Vec::new(), "SELECT current_setting('app.tenant', true) IS DISTINCT FROM '1'");
    for _ in 0..2 {
        let mut connection = engine.connection().await?;
        assert!(connection.scalar(sql(clean).returning::<bool>()).await?, "{dropped:?}");
        connections.push(connection);
    }
    Ok(())
}

fn two(place: &crate::support::Place) -> anyorm::Operation<'static, Engine> {
    place.builder().connections(2).open()
}

const TENANT: &str = "SELECT coalesce(current_setting('app.tenant', true), '')";

#[test]
fn settings() {
    each(|place| async move {
        let engine = two(&place).await?;
        drop_each!(
            transaction = {
                let mut transaction = engine.begin().await?;
                transaction.execute(sql("SELECT 1")).await?;
                transaction
            };
            ["Transaction::set_local" => transaction.set_local("app.tenant", 1)];
            dropped => {
                match transaction.scalar(sql(TENANT).returning::<String>()).await {
                    Ok(tenant) => assert_eq!((tenant == "1", dropped.half_way()), (dropped.ready, false)),
                    Err(error) => assert!(matches!(error, Error::Ended(_)) && dropped.half_way(), "{error}: {dropped:?}"),
                }
                drop(transaction);
                nothing_lost(&engine, dropped).await?;
            }
        );
        drop_each!(
            session = {
                let mut session = engine.session();
                session.begin().await?;
                session.execute(sql("SELECT 1")).await?;
                session
            };
            ["Session::set_local" => session.set_local("app.tenant", 1)];
            dropped => {
                let tenant = session.scalar(sql(TENANT).returning::<String>()).await?;
                assert!(tenant == "1" || !dropped.ready, "{dropped:?}");
                assert!(session.in_transaction());
                session.commit().await?;
                nothing_lost(&engine, dropped).await?;
            }
        );
        engine.close().await
    });
}
