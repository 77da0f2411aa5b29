//! The same through anyorm: no connection, no closure, no SQL.

use super::{User, Way, at_once, keys, keys_of};
use anyorm::prelude::*;

/// Plain values: each call is a trip of its own.
pub(super) struct ByEngine(pub(super) Engine);

impl ByEngine {
    async fn read_all(&self, keys: impl Iterator<Item = i64>) -> anyorm::Result<i64> {
        let mut sum = 0;
        for key in keys {
            sum += self.0.one(User::select().filter(User::ID.eq(key))).await?.id;
        }
        Ok(sum)
    }
}

impl Way for ByEngine {
    fn name(&self) -> &'static str {
        "engine, Worker"
    }

    async fn read_in_a_row(&self) -> anyorm::Result<i64> {
        self.read_all(keys()).await
    }

    async fn read_at_once(&self) -> anyorm::Result<i64> {
        at_once(|task| self.read_all(keys_of(task))).await
    }

    async fn change(&self) -> anyorm::Result<()> {
        let wanted: Vec<i64> = keys().collect();
        let update = User::update().set(User::VISITS, User::VISITS + 1).filter(User::ID.is_in(wanted));
        self.0.execute(update).await?;
        Ok(())
    }
}

/// Tracked entities, of a session for each request, or for each task.
pub(super) struct BySession(pub(super) Engine, pub(super) &'static str);

impl BySession {
    async fn read_all(&self, keys: impl Iterator<Item = i64>) -> anyorm::Result<i64> {
        let mut session = self.0.session();
        let mut sum = 0;
        for key in keys {
            let user = session.get_one::<User>(key).await?;
            sum += session[user].id;
        }
        Ok(sum)
    }
}

impl Way for BySession {
    fn name(&self) -> &'static str {
        self.1
    }

    async fn read_in_a_row(&self) -> anyorm::Result<i64> {
        self.read_all(keys()).await
    }

    async fn read_at_once(&self) -> anyorm::Result<i64> {
        at_once(|task| self.read_all(keys_of(task))).await
    }

    async fn change(&self) -> anyorm::Result<()> {
        let mut session = self.0.session();
        let wanted: Vec<i64> = keys().collect();
        for user in session.all(User::select().filter(User::ID.is_in(wanted))).await? {
            session[user].visits += 1;
        }
        session.commit().await
    }
}
