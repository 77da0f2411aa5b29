//! Every future of the public API is `Send`, and so are the types that hold work. Checked by compiling this.

use std::hash::Hash;

use anyorm::bridge::{Limiter, run_sync};
use anyorm::prelude::*;
use anyorm::{
    Changes, Connection, Error, Nested, ReadSession, Result, Savepoint, Schema, Statistics, Transaction,
    bridge, error,
};
use anyorm_tests::{Account, Post, User, blog, user};

fn is_send<T: Send>(_: T) {}

#[test]
fn handles_are_small_and_plain() {
    fn plain<T: Copy + Eq + Hash + Send + Sync + 'static>() {}
    plain::<Handle<User>>();
    plain::<Handle<Post>>();
    assert_eq!(size_of::<Handle<User>>(), 12);
    assert_eq!(size_of::<Option<Handle<User>>>(), 12, "None costs nothing");
}

#[test]
fn what_holds_work_can_move_between_tasks() {
    fn moves<T: Send + 'static>() {}
    fn is_shared<T: Send + Sync + Clone + 'static>() {}
    moves::<Session>();
    moves::<Tx>();
    moves::<ReadSession>();
    is_shared::<SessionFactory>();
    moves::<Connection>();
    moves::<Transaction>();
    is_shared::<Engine>();
    is_shared::<Error>();
    is_shared::<Statistics>();
    is_shared::<Limiter>();
    is_shared::<User>();
    moves::<Changes>();
    moves::<Schema>();
    fn borrows<'a, T: Send + 'a>() {}
    borrows::<Nested<'_>>();
    borrows::<Savepoint<'_>>();
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_error::<Error>();
    is_error::<error::ConstraintError>();
}

/// Never run: that it compiles is the test. One line for each future of the public API.
#[test]
fn every_future_is_send() {
    let _ = [futures_of_an_engine as fn(Engine), futures_of_the_bridge];
    let _: fn(SessionFactory) = futures_of_a_factory;
    let _: fn(Session, Handle<User>) = futures_of_a_session;
    let _: fn(Engine, Tx, Tx) = futures_of_guards;
}

fn futures_of_a_factory(sessions: SessionFactory) {
    is_send(sessions.begin(|mut tx| async move { tx.flush().await }));
    is_send(sessions.try_begin(|mut tx| async move { tx.flush().await }));
    let mut session = sessions.session();
    is_send(async move {
        let name = String::from("Ada");
        let nested = session.nested(async |inner| {
            let ada = inner.add(user(&name));
            inner.flush().await?;
            inner.nested(async |innermost| innermost.flush().await).await?;
            Ok::<_, Error>(ada)
        });
        let ada = nested.await?;
        session.without_autoflush().all(User::select()).await?;
        Ok::<_, Error>(session[ada].id)
    });
}

fn futures_of_an_engine(engine: Engine) {
    is_send(Engine::open("sqlite::memory:"));
    is_send(Engine::builder("sqlite::memory:").open());
    is_send(engine.all(User::select()));
    is_send(engine.first(User::select()));
    is_send(engine.one(User::select()));
    is_send(engine.scalar(User::select().columns(User::NAME)));
    is_send(engine.count(User::select()));
    is_send(engine.exists(User::select()));
    is_send(engine.execute(User::insert().value(user("Ada"))));
    is_send(engine.begin());
    is_send(engine.connection());
    is_send(engine.create_all(&blog()));
    is_send(engine.drop_all(&blog()));
    is_send(engine.close());
    is_send(engine.transaction(|mut tx| async move { tx.flush().await }));
    is_send(
        engine.try_transaction(
            |mut tx| async move { Result::<_, Error>::Ok(tx.get::<User>(1).await?.is_some()) },
        ),
    );
}

fn futures_of_the_bridge(_: Engine) {
    is_send(run_sync(|| 1));
    is_send(bridge::default_limiter().run_sync(|| 1));
}

fn futures_of_a_session(mut session: Session, ada: Handle<User>) {
    is_send(session.get::<User>(1));
    is_send(session.get_one::<User>(1));
    is_send(session.refresh(ada));
    is_send(session.load(&[ada], User::POSTS.then(Post::TAGS)));
    is_send(session.all(User::select().with(User::POSTS)));
    is_send(session.first(User::select()));
    is_send(session.one(User::select()));
    is_send(session.scalar(User::select().columns(User::NAME)));
    is_send(session.count(User::select()));
    is_send(session.exists(User::select()));
    is_send(session.execute(Account::delete().everything()));
    is_send(session.flush());
    is_send(session.commit());
    is_send(session.rollback());
    is_send(session.recover());
    is_send(session.begin());
    is_send(session.begin_nested());
    is_send(async move {
        let part = session.begin_nested().await?;
        part.release().await?;
        session.begin_nested().await?.rollback().await
    });
}

fn futures_of_guards(engine: Engine, commits: Tx, rolls_back: Tx) {
    is_send(commits.commit());
    is_send(rolls_back.rollback());
    is_send(async move {
        let mut connection = engine.connection().await?;
        is_send(connection.all(User::select()));
        is_send(connection.first(User::select()));
        is_send(connection.one(User::select()));
        is_send(connection.scalar(User::select().columns(User::NAME)));
        is_send(connection.count(User::select()));
        is_send(connection.exists(User::select()));
        is_send(connection.execute(Account::delete().everything()));
        let mut transaction = engine.begin().await?;
        is_send(transaction.all(User::select()));
        is_send(transaction.first(User::select()));
        is_send(transaction.one(User::select()));
        is_send(transaction.scalar(User::select().columns(User::NAME)));
        is_send(transaction.count(User::select()));
        is_send(transaction.exists(User::select()));
        is_send(transaction.execute(Account::delete().everything()));
        let mut part = transaction.begin_nested().await?;
        is_send(part.all(User::select()));
        is_send(part.first(User::select()));
        is_send(part.one(User::select()));
        is_send(part.scalar(User::select().columns(User::NAME)));
        is_send(part.count(User::select()));
        is_send(part.exists(User::select()));
        is_send(part.execute(Account::delete().everything()));
        part.begin_nested().await?.rollback().await?;
        part.release().await?;
        transaction.commit().await?;
        engine.begin().await?.rollback().await
    });
}
