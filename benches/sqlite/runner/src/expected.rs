//! What must come out: the work is played with made-up rows.

use sqlite_bench_common::{Audit, Checksum, Size, Work, amount, light, older, users};

use crate::tables::Tables;

pub(crate) struct Expected {
    /// What the peer says that it has in its hands after the last lap.
    pub(crate) found: Checksum,
    /// What is in the tables then.
    pub(crate) stored: Checksum,
}

impl Expected {
    pub(crate) fn of(work: Work, size: Size) -> Self {
        let mut tables = Tables::before(work, size);
        let mut found = Checksum::default();
        for round in 0..=work.laps() {
            found = play(work, size, &mut tables, round);
        }
        Self { found, stored: tables.sum() }
    }
}

fn play(work: Work, size: Size, tables: &mut Tables, round: usize) -> Checksum {
    match work {
        Work::ReadByKey | Work::Hundred => keys(tables, size, size.reads),
        Work::ReadTogether | Work::TenAtOnce => keys(tables, size, size.reads / size.tasks * size.tasks),
        Work::Tail => keys(tables, size, size.tail_tasks * size.tail_reads),
        Work::Recovery | Work::GivenUp => some_users(tables, 1),
        Work::Rows | Work::RowsMany | Work::Stall | Work::Parents => tables.sum(),
        Work::InsertBulk | Work::InsertSingle => insert(tables, round, size.rows),
        Work::Change => change(tables, size.rows),
        Work::FlushFew => change(tables, size.few),
        Work::Mixed => mixed(tables, size),
        Work::Stream => stream(tables),
        Work::Diamond => insert_diamonds(tables, size.diamonds),
    }
}

fn keys(tables: &Tables, size: Size, reads: usize) -> Checksum {
    let mut sum = Checksum::default();
    for at in 0..reads {
        let user = &tables.users[size.key(at) as usize - 1];
        sum.user(user.id, &user.name, &user.email, user.age, user.score);
    }
    sum
}

fn some_users(tables: &Tables, count: usize) -> Checksum {
    let mut sum = Checksum::default();
    for user in tables.users.iter().take(count) {
        sum.user(user.id, &user.name, &user.email, user.age, user.score);
    }
    sum
}

fn insert(tables: &mut Tables, round: usize, count: usize) -> Checksum {
    let new = Tables {
        users: users(round, count)
            .into_iter()
            .zip((round * count + 1) as i64..)
            .map(|(user, key)| user.with_key(key))
            .collect(),
        ..Tables::default()
    };
    let sum = new.sum();
    tables.users.extend(new.users);
    sum
}

fn change(tables: &mut Tables, count: usize) -> Checksum {
    for user in tables.users.iter_mut().take(count) {
        user.age = older(user.age);
    }
    some_users(tables, count)
}

fn mixed(tables: &mut Tables, size: Size) -> Checksum {
    let mut sum = Checksum::default();
    for request in 0..size.requests {
        let account = &mut tables.accounts[size.key(request) as usize - 1];
        account.balance += amount(request);
        sum.account(account.id, &account.owner, account.balance);
        let id = tables.audits.len() as i64 + 1;
        sum.audit(id, account.id, amount(request));
        tables.audits.push(Audit { id, account_id: account.id, amount: amount(request) });
    }
    sum
}

fn insert_diamonds(tables: &mut Tables, count: usize) -> Checksum {
    let mut sum = Checksum::default();
    for number in tables.diamonds + 1..=tables.diamonds + count {
        sum.diamond([number as i64; 4]);
    }
    tables.diamonds += count;
    sum
}

fn stream(tables: &Tables) -> Checksum {
    let mut sum = Checksum::default();
    for user in &tables.users {
        sum.light(light(user.id, &user.name, &user.email, user.age, user.score));
    }
    sum
}
