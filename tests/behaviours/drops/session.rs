//! Each call of a session, dropped at each of its polls.

use anyorm::prelude::*;
use anyorm::{Error, Result, Session};
use anyorm_tests::{Account, Post, User, blog, post, user};
use orm_testkit::stop::stops;
use orm_testkit::{Behaviour, Database, behaviours};

use super::calls::each_call;
use anyorm_tests::check::{full_again, nothing_lost};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    reads_leave_nothing_behind,
    reads_in_a_transaction_leave_it_open,
    a_flush_is_taken_over_by_the_next_call,
    a_flush_is_rolled_back_by_the_next_call,
    a_commit_is_taken_over_by_the_next_call,
    a_commit_of_a_dropped_session_is_all_or_nothing,
    a_failing_commit_shows_in_the_next_call,
    an_autoflush_is_taken_over_by_the_next_call,
    an_executed_statement_stays_in_the_transaction,
    a_rollback_happens_in_any_case,
    a_recovery_happens_in_any_case,
    beginning_leaves_nothing_behind,
    savepoints_end_with_their_guards,
    a_session_dropped_while_its_job_runs_rolls_back,
];

/// Three accounts of 10 each, and Ada with two posts.
async fn bank(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add_all((1..=3).map(|id| Account { id, balance: 10 }));
    let ada = session.add(user("Ada"));
    session.add_all(["a", "b"].map(|title| post(title, ada)));
    session.commit().await
}

/// What the database has.
async fn stored(db: &Database) -> Result<Vec<(i64, i64)>> {
    let query = Account::select().order_by(Account::ID.asc());
    db.engine.all(query.columns((Account::ID, Account::BALANCE))).await
}

/// What the session has of the accounts it tracks.
fn tracked(session: &Session, handles: &[Handle<Account>]) -> Vec<(i64, i64)> {
    handles.iter().filter_map(|&handle| session.peek(handle)).map(|a| (a.id, a.balance)).collect()
}

async fn reads_leave_nothing_behind(db: Database) -> Result<()> {
    bank(&db).await?;
    each_call!(
        session = db.engine.session();
        [
            session.get::<Account>(1),
            session.get_one::<Account>(1),
            session.all(Account::select()),
            session.all(User::select().with(User::POSTS.then(Post::TAGS))),
            session.first(Account::select()),
            session.one(Account::select().filter(Account::ID.eq(2))),
            session.scalar(Account::select().columns(sum(Account::BALANCE))),
            session.count(Account::select()),
            session.exists(Account::select()),
        ];
        stop, ended => {
            assert!(!session.in_transaction() && !session.is_dirty(), "{stop:?}");
            full_again(&db.engine);
            assert_eq!(session.count(Account::select()).await?, 3, "{stop:?}");
        }
    );
    for stop in stops() {
        let mut session = db.engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 11;
        let ended = stop.at(session.refresh(account)).transpose()?.is_some();
        let kept = session[account].balance == 11;
        assert!(kept != ended, "a dropped refresh changes nothing: {stop:?}");
        full_again(&db.engine);
        session.refresh(account).await?;
        assert_eq!(session[account].balance, 10);
        if ended {
            break;
        }
    }
    for stop in stops() {
        let mut session = db.engine.session();
        let ada = session.get_one::<User>(1).await?;
        let ended = stop.at(session.load(&[ada], User::POSTS)).transpose()?.is_some();
        assert_eq!(session[ada].posts.is_loaded(), ended, "{stop:?}");
        full_again(&db.engine);
        session.load(&[ada], User::POSTS).await?;
        assert_eq!(session[ada].posts.len(), 2);
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn with_a_fourth(db: &Database) -> Result<Session> {
    let mut session = db.engine.session();
    session.add(Account { id: 4, balance: 1 });
    session.flush().await?;
    Ok(session)
}

async fn reads_in_a_transaction_leave_it_open(db: Database) -> Result<()> {
    bank(&db).await?;
    each_call!(
        session = with_a_fourth(&db).await?;
        [
            session.get::<Account>(1),
            session.all(Account::select()),
            session.all(User::select().with(User::POSTS)),
            session.count(Account::select()),
            session.exists(Account::select()),
        ];
        stop, ended => {
            assert!(session.in_transaction(), "{stop:?}");
            assert_eq!(session.count(Account::select()).await?, 4, "its own work is there: {stop:?}");
            session.rollback().await?;
            full_again(&db.engine);
            assert_eq!(stored(&db).await?.len(), 3);
        }
    );
    nothing_lost(&db.engine).await
}

async fn a_flush_is_taken_over_by_the_next_call(db: Database) -> Result<()> {
    bank(&db).await?;
    for (round, stop) in (1..).zip(stops()) {
        let mut session = db.engine.session();
        let changed = session.get_one::<Account>(1).await?;
        let deleted = session.add(Account { id: 50, balance: 1 });
        session.commit().await?;
        session[changed].balance = 10 + round;
        session.delete(deleted);
        let added = session.add(Account { id: 100 + round, balance: round });
        let ended = stop.at(session.flush()).transpose()?.is_some();
        // A write between the drop and the next call is later work.
        session[added].balance += 1_000;
        session.commit().await?;
        assert_eq!(tracked(&session, &[changed, added]), [(1, 10 + round), (100 + round, 1_000 + round)]);
        assert!(session.peek(deleted).is_none());
        let rows = stored(&db).await?;
        assert!(
            rows.contains(&(1, 10 + round)) && rows.contains(&(100 + round, 1_000 + round)),
            "{stop:?}: {rows:?}"
        );
        assert!(!rows.contains(&(50, 1)), "{stop:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_flush_is_rolled_back_by_the_next_call(db: Database) -> Result<()> {
    bank(&db).await?;
    let before = stored(&db).await?;
    for stop in stops() {
        let mut session = db.engine.session();
        let handles = session.all(Account::select().order_by(Account::ID.asc())).await?;
        session[handles[0]].balance = 99;
        session.delete(handles[1]);
        let added = session.add(Account { id: 4, balance: 4 });
        let ended = stop.at(session.flush()).transpose()?.is_some();
        session[handles[2]].balance = 98;
        session.rollback().await?;
        assert_eq!(tracked(&session, &handles), before, "{stop:?}");
        assert!(session.peek(added).is_none(), "{stop:?}");
        assert_eq!(stored(&db).await?, before, "{stop:?}");
        assert!(!session.is_dirty(), "{stop:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_commit_is_taken_over_by_the_next_call(db: Database) -> Result<()> {
    bank(&db).await?;
    for begun in [false, true] {
        for (round, stop) in (1..).zip(stops()) {
            let mut session = db.engine.session();
            let handles = session.all(Account::select().order_by(Account::ID.asc()).limit(3)).await?;
            if begun {
                session[handles[1]].balance = 20 + round;
                session.flush().await?;
            }
            session[handles[0]].balance = 10 + round;
            let added = session.add(Account { id: 100 + round, balance: 1 });
            let ended = stop.at(session.commit()).transpose()?.is_some();
            let sent = !stop.is_before_the_first_poll();
            // A call that is no commit settles it too.
            session.begin().await.or_else(|error| match error {
                Error::Build(_) if begun && !sent => Ok(()),
                other => Err(other),
            })?;
            if sent {
                session.rollback().await?;
                assert_eq!(session[added].balance, 1, "it was committed: {stop:?}");
            } else {
                session.commit().await?;
            }
            let rows = stored(&db).await?;
            assert_eq!(tracked(&session, &handles), rows[..3], "{stop:?}");
            assert!(
                rows.contains(&(1, 10 + round)) && rows.contains(&(100 + round, 1)),
                "{stop:?}: {rows:?}"
            );
            session.delete(added);
            session.commit().await?;
            if ended {
                break;
            }
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_commit_of_a_dropped_session_is_all_or_nothing(db: Database) -> Result<()> {
    bank(&db).await?;
    for (round, stop) in (1..).zip(stops()) {
        let mut session = db.engine.session();
        let handles = session.all(Account::select().order_by(Account::ID.asc())).await?;
        let [from, to] = [handles[0], handles[1]];
        session[from].balance -= round;
        session[to].balance += round;
        let ended = stop.at(session.commit()).transpose()?.is_some();
        drop(session);
        full_again(&db.engine);
        let total: i64 = stored(&db).await?.iter().map(|(_, balance)| balance).sum();
        assert_eq!(total, 30, "{stop:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_failing_commit_shows_in_the_next_call(db: Database) -> Result<()> {
    bank(&db).await?;
    let twin = "ada@example.org";
    for stop in stops() {
        let mut session = db.engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 11;
        let bob = session.add(User { email: twin.into(), ..user("Bob") });
        let output = stop.at(session.commit());
        let (ended, again) = (output.is_some(), session.commit().await.expect_err("the address is taken"));
        match &again {
            Error::Inactive { first } => assert!(first.constraint().is_some(), "{again}"),
            other => {
                assert!(stop.is_before_the_first_poll() && other.constraint().is_some(), "{stop:?}: {again}")
            }
        }
        session.recover().await?;
        assert_eq!((session[account].balance, session[bob].email.as_str()), (11, twin), "{stop:?}");
        session[bob].email = format!("{stop:?}");
        session[account].balance = 10;
        session.commit().await?;
        assert!(db.engine.exists(User::select().filter(User::EMAIL.eq(format!("{stop:?}")))).await?);
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn an_autoflush_is_taken_over_by_the_next_call(db: Database) -> Result<()> {
    bank(&db).await?;
    for (round, stop) in (1..).zip(stops()) {
        let mut session = db.engine.session();
        let added = session.add(Account { id: 100 + round, balance: 1 });
        let ended = stop.at(session.all(Account::select())).transpose()?.is_some();
        assert!(session.exists(Account::select().filter(Account::ID.eq(100 + round))).await?, "{stop:?}");
        session.rollback().await?;
        assert!(session.peek(added).is_none());
        assert_eq!(stored(&db).await?.len(), 3, "{stop:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn an_executed_statement_stays_in_the_transaction(db: Database) -> Result<()> {
    bank(&db).await?;
    for stop in stops() {
        let mut session = db.engine.session();
        let raise = Account::update().set(Account::BALANCE, 77).filter(Account::ID.eq(1));
        let ended = stop.at(session.execute(raise)).transpose()?.is_some();
        // The row is read after the uncommitted write, so what was read of it must go with a rollback.
        let account = session.get_one::<Account>(1).await?;
        let raised = session[account].balance == 77;
        assert_eq!(raised, session.in_transaction(), "{stop:?}");
        assert_eq!(raised, !stop.is_before_the_first_poll(), "{stop:?}");
        session.rollback().await?;
        assert_eq!(stored(&db).await?[0], (1, 10), "{stop:?}");
        if let Some(value) = session.peek(account) {
            assert_eq!(value.balance, 10, "memory is what the database has: {stop:?}");
        }
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_rollback_happens_in_any_case(db: Database) -> Result<()> {
    bank(&db).await?;
    let before = stored(&db).await?;
    for stop in stops() {
        let mut session = db.engine.session();
        let handles = session.all(Account::select().order_by(Account::ID.asc())).await?;
        session[handles[0]].balance = 99;
        session.flush().await?;
        let ended = stop.at(session.rollback()).transpose()?.is_some();
        if stop.is_before_the_first_poll() {
            assert!(session.in_transaction() && session[handles[0]].balance == 99);
            drop(session);
        } else {
            assert_eq!(tracked(&session, &handles), before, "{stop:?}");
            assert!(!session.in_transaction(), "{stop:?}");
            session[handles[1]].balance = 10;
            session.commit().await?;
        }
        full_again(&db.engine);
        assert_eq!(stored(&db).await?, before, "{stop:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_recovery_happens_in_any_case(db: Database) -> Result<()> {
    bank(&db).await?;
    for (round, stop) in (1..).zip(stops()) {
        let mut session = db.engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 10 + round;
        let added = session.add(Account { id: 100 + round, balance: 1 });
        session.flush().await?;
        session[added].balance = 2;
        let ended = stop.at(session.recover()).transpose()?.is_some();
        assert_eq!(tracked(&session, &[account, added]), [(1, 10 + round), (100 + round, 2)], "{stop:?}");
        session.commit().await?;
        let rows = stored(&db).await?;
        assert!(rows.contains(&(1, 10 + round)) && rows.contains(&(100 + round, 2)), "{stop:?}: {rows:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}

async fn beginning_leaves_nothing_behind(db: Database) -> Result<()> {
    bank(&db).await?;
    each_call!(session = db.engine.session(); [session.begin()]; stop, ended => {
        assert_eq!(session.in_transaction(), !stop.is_before_the_first_poll());
        full_again(&db.engine);
        session.commit().await?;
        assert!(!session.in_transaction());
    });
    nothing_lost(&db.engine).await
}

async fn savepoints_end_with_their_guards(db: Database) -> Result<()> {
    bank(&db).await?;
    let before = stored(&db).await?;
    for keep in [false, true] {
        for stop in stops() {
            let mut session = db.engine.session();
            let handles = session.all(Account::select().order_by(Account::ID.asc())).await?;
            session[handles[0]].balance = 11;
            let ended = stop.at(async {
                let mut part = session.begin_nested().await?;
                part[handles[1]].balance = 12;
                part.flush().await?;
                part[handles[2]].balance = 13;
                if keep { part.release().await } else { part.rollback().await }
            });
            let ended = ended.transpose()?.is_some();
            let expected = if ended && keep { [11, 12, 13] } else { [11, 10, 10] };
            session.flush().await?;
            let balances: Vec<i64> =
                tracked(&session, &handles).iter().map(|(_, balance)| *balance).collect();
            assert_eq!(balances, expected, "{stop:?}, keep {keep}");
            let query = Account::select().order_by(Account::ID.asc()).columns(Account::BALANCE);
            assert_eq!(session.all(query).await?, expected, "{stop:?}, keep {keep}");
            session.rollback().await?;
            assert_eq!(tracked(&session, &handles), before, "{stop:?}, keep {keep}");
            assert_eq!(stored(&db).await?, before, "{stop:?}, keep {keep}");
            if ended {
                break;
            }
        }
    }
    nothing_lost(&db.engine).await
}

async fn a_session_dropped_while_its_job_runs_rolls_back(db: Database) -> Result<()> {
    bank(&db).await?;
    let before = stored(&db).await?;
    for stop in stops() {
        let mut session = db.engine.session();
        let account = session.get_one::<Account>(1).await?;
        session[account].balance = 99;
        session.flush().await?;
        session[account].balance = 98;
        let ended = stop.at(session.flush()).transpose()?.is_some();
        drop(session);
        full_again(&db.engine);
        assert_eq!(stored(&db).await?, before, "{stop:?}");
        if ended {
            break;
        }
    }
    nothing_lost(&db.engine).await
}
