//! What changes the tables.

use std::time::Instant;

use anyorm::prelude::*;
use sqlite_bench_common::{Checksum, Fault, Lap, Size, amount, diamonds, older};

use crate::model::{Account, Audit, Bottom, Left, Right, Top, User, new_users, sum_of};

pub(crate) async fn insert_bulk(engine: &Engine, size: Size, round: usize) -> Result<Lap, Fault> {
    let new = new_users(round, size.rows);
    let start = Instant::now();
    let mut session = engine.session();
    let users = session.add_all(new);
    session.commit().await?;
    let time = start.elapsed();
    Ok(Lap::new(time, sum_of(users.iter().map(|&user| &session[user]))))
}

/// Each row is sent and answered before the next.
pub(crate) async fn insert_single(engine: &Engine, size: Size, round: usize) -> Result<Lap, Fault> {
    let new = new_users(round, size.rows);
    let mut users = Vec::with_capacity(new.len());
    let start = Instant::now();
    let mut transaction = engine.begin().await?;
    for mut user in new {
        let insert = User::insert()
            .set(User::NAME, user.name.as_str())
            .set(User::EMAIL, user.email.as_str())
            .set(User::AGE, user.age)
            .set(User::SCORE, user.score);
        user.id = transaction.one(insert.returning(User::ID)).await?;
        users.push(user);
    }
    transaction.commit().await?;
    Ok(Lap::new(start.elapsed(), sum_of(&users)))
}

pub(crate) async fn change(engine: &Engine) -> Result<Lap, Fault> {
    let mut session = engine.session();
    let users = session.all(User::select()).await?;
    let start = Instant::now();
    for &user in &users {
        let user = &mut session[user];
        user.age = older(user.age);
    }
    session.commit().await?;
    let time = start.elapsed();
    Ok(Lap::new(time, sum_of(users.iter().map(|&user| &session[user]))))
}

pub(crate) async fn flush_few(engine: &Engine, size: Size) -> Result<Lap, Fault> {
    let mut session = engine.session();
    let users = session.all(User::select().order_by(User::ID)).await?;
    let start = Instant::now();
    for &user in users.iter().take(size.few) {
        let user = &mut session[user];
        user.age = older(user.age);
    }
    session.commit().await?;
    let time = start.elapsed();
    Ok(Lap::new(time, sum_of(users.iter().take(size.few).map(|&user| &session[user]))))
}

pub(crate) async fn mixed(engine: &Engine, size: Size) -> Result<Lap, Fault> {
    let mut sum = Checksum::default();
    let mut done = Vec::with_capacity(size.requests);
    let start = Instant::now();
    for request in 0..size.requests {
        let mut session = engine.session();
        session.begin().await?;
        let account = session.get_one::<Account>(size.key(request)).await?;
        let amount = amount(request);
        session[account].balance += amount;
        let audit = session.add(Audit { account: account.into(), amount, ..Audit::default() });
        session.commit().await?;
        done.push((session.detach(account), session.detach(audit)));
    }
    let time = start.elapsed();
    for (account, audit) in done {
        sum.account(account.id, &account.owner, account.balance);
        sum.audit(audit.id, account.id, audit.amount);
    }
    Ok(Lap::new(time, sum))
}

pub(crate) async fn insert_diamonds(engine: &Engine, size: Size, round: usize) -> Result<Lap, Fault> {
    let names = diamonds(round, size.diamonds);
    let mut added = Vec::with_capacity(names.len());
    let start = Instant::now();
    let mut session = engine.session();
    for [top, left, right, bottom] in names {
        let top = session.add(Top { name: top, ..Top::default() });
        let left = session.add(Left { name: left, top: top.into(), ..Left::default() });
        let right = session.add(Right { name: right, top: top.into(), ..Right::default() });
        let bottom = Bottom { name: bottom, left: left.into(), right: right.into(), ..Bottom::default() };
        added.push((top, left, right, session.add(bottom)));
    }
    session.commit().await?;
    let time = start.elapsed();
    let mut sum = Checksum::default();
    for (top, left, right, bottom) in added {
        sum.diamond([session[top].id, session[left].id, session[right].id, session[bottom].id]);
    }
    Ok(Lap::new(time, sum))
}
