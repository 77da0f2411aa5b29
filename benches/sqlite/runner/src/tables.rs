//! The rows of a database, as they are made up, or as a connection finds them.

use rusqlite::{Connection, params};
use sqlite_bench_common::{
    Account, Audit, CHILDREN, Checksum, Child, Parent, Size, User, Work, account, child, diamonds, parent,
    user,
};

#[derive(Default)]
pub(crate) struct Tables {
    pub(crate) users: Vec<User>,
    pub(crate) parents: Vec<Parent>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) audits: Vec<Audit>,
    /// How many diamonds there are, numbered from 1.
    pub(crate) diamonds: usize,
}

impl Tables {
    /// What is there before the work.
    pub(crate) fn before(work: Work, size: Size) -> Self {
        let mut tables = Self::default();
        tables.users.extend((1..=work.users(size)).map(|number| user(number).with_key(number as i64)));
        match work {
            Work::Parents => tables.parents.extend((1..=size.parents).map(parent_with_children)),
            Work::Mixed => tables.accounts.extend((1..=size.rows).map(account)),
            _ => {}
        }
        tables
    }

    pub(crate) fn write(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        for User { id, name, email, age, score } in &self.users {
            let mut insert = transaction.prepare_cached("INSERT INTO users VALUES (?, ?, ?, ?, ?)")?;
            insert.execute(params![id, name, email, age, score])?;
        }
        for Parent { id, name, age, .. } in &self.parents {
            transaction
                .prepare_cached("INSERT INTO parents VALUES (?, ?, ?)")?
                .execute(params![id, name, age])?;
        }
        for Child { id, parent_id, title, pages } in self.parents.iter().flat_map(|parent| &parent.children) {
            let mut insert = transaction.prepare_cached("INSERT INTO children VALUES (?, ?, ?, ?)")?;
            insert.execute(params![id, parent_id, title, pages])?;
        }
        for Account { id, owner, balance } in &self.accounts {
            let mut insert = transaction.prepare_cached("INSERT INTO accounts VALUES (?, ?, ?)")?;
            insert.execute(params![id, owner, balance])?;
        }
        transaction.commit()
    }

    pub(crate) fn sum(&self) -> Checksum {
        let mut sum = Checksum::default();
        for User { id, name, email, age, score } in &self.users {
            sum.user(*id, name, email, *age, *score);
        }
        for parent in &self.parents {
            sum.parent(parent.id, &parent.name, parent.age);
            for Child { id, parent_id, title, pages } in &parent.children {
                sum.child(*id, *parent_id, title, *pages);
            }
        }
        for Account { id, owner, balance } in &self.accounts {
            sum.account(*id, owner, *balance);
        }
        for Audit { id, account_id, amount } in &self.audits {
            sum.audit(*id, *account_id, *amount);
        }
        for (names, key) in diamonds(0, self.diamonds).iter().zip(1..) {
            sum.corner(key, &names[0], [0, 0]);
            sum.corner(key, &names[1], [key, 0]);
            sum.corner(key, &names[2], [key, 0]);
            sum.corner(key, &names[3], [key, key]);
        }
        sum
    }

    /// The same of what a connection finds.
    pub(crate) fn sum_of(connection: &Connection) -> rusqlite::Result<Checksum> {
        let mut sum = Checksum::default();
        each(connection, "SELECT id, name, email, age, score FROM users", |row| {
            let (name, email): (String, String) = (row.get(1)?, row.get(2)?);
            sum.user(row.get(0)?, &name, &email, row.get(3)?, row.get(4)?);
            Ok(())
        })?;
        each(connection, "SELECT id, name, age FROM parents", |row| {
            sum.parent(row.get(0)?, &row.get::<_, String>(1)?, row.get(2)?);
            Ok(())
        })?;
        each(connection, "SELECT id, parent_id, title, pages FROM children", |row| {
            sum.child(row.get(0)?, row.get(1)?, &row.get::<_, String>(2)?, row.get(3)?);
            Ok(())
        })?;
        each(connection, "SELECT id, owner, balance FROM accounts", |row| {
            sum.account(row.get(0)?, &row.get::<_, String>(1)?, row.get(2)?);
            Ok(())
        })?;
        each(connection, "SELECT id, account_id, amount FROM audits", |row| {
            sum.audit(row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(())
        })?;
        for table in [
            "SELECT id, name, 0, 0 FROM tops",
            "SELECT id, name, top_id, 0 FROM lefts",
            "SELECT id, name, top_id, 0 FROM rights",
            "SELECT id, name, left_id, right_id FROM bottoms",
        ] {
            each(connection, table, |row| {
                sum.corner(row.get(0)?, &row.get::<_, String>(1)?, [row.get(2)?, row.get(3)?]);
                Ok(())
            })?;
        }
        Ok(sum)
    }
}

fn parent_with_children(number: usize) -> Parent {
    Parent { children: (0..CHILDREN).map(|at| child(number, at)).collect(), ..parent(number) }
}

fn each(
    connection: &Connection,
    sql: &str,
    mut row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(found) = rows.next()? {
        row(found)?;
    }
    Ok(())
}
