//! The work by rusqlite, on a connection that is at hand. Each peer that has rusqlite includes this file, because their versions
//! of it differ.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, Transaction, TransactionBehavior, params, params_from_iter};
use sqlite_bench_common::{
    Account, Audit, Checksum, Child, Fault, NewUser, PRAGMAS, Parent, User, amount, older,
};

pub(crate) const SELECT_USERS: &str = "SELECT id, name, email, age, score FROM users";
const SELECT_USER: &str = "SELECT id, name, email, age, score FROM users WHERE id = ?";
const INSERT_USER: &str = "INSERT INTO users (name, email, age, score) VALUES (?, ?, ?, ?)";

pub(crate) fn open(file: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.execute_batch(PRAGMAS)?;
    Ok(connection)
}

pub(crate) fn read_user(connection: &Connection, key: i64) -> rusqlite::Result<User> {
    connection.prepare_cached(SELECT_USER)?.query_row([key], decode_user)
}

pub(crate) fn read_users(connection: &Connection) -> rusqlite::Result<Vec<User>> {
    connection.prepare_cached(SELECT_USERS)?.query_map([], decode_user)?.collect()
}

pub(crate) fn decode_user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, name: row.get(1)?, email: row.get(2)?, age: row.get(3)?, score: row.get(4)? })
}

pub(crate) fn insert_users(connection: &mut Connection, new: Vec<NewUser>) -> rusqlite::Result<Vec<User>> {
    let transaction = begin(connection)?;
    let users = new.into_iter().map(|new| insert_user(&transaction, new)).collect::<Result<_, _>>()?;
    transaction.commit()?;
    Ok(users)
}

pub(crate) fn insert_user(connection: &Connection, new: NewUser) -> rusqlite::Result<User> {
    let mut insert = connection.prepare_cached(INSERT_USER)?;
    insert.execute(params![new.name, new.email, new.age, new.score])?;
    Ok(new.with_key(connection.last_insert_rowid()))
}

/// Makes every user older, and saves them.
pub(crate) fn change_users(connection: &mut Connection, users: &mut [User]) -> rusqlite::Result<()> {
    let transaction = begin(connection)?;
    {
        let mut update = transaction.prepare_cached("UPDATE users SET age = ? WHERE id = ?")?;
        for user in users {
            user.age = older(user.age);
            if update.execute(params![user.age, user.id])? != 1 {
                return Err(rusqlite::Error::QueryReturnedNoRows);
            }
        }
    }
    transaction.commit()
}

/// Two queries: the children by the keys of the parents.
pub(crate) fn read_parents(connection: &Connection) -> rusqlite::Result<Vec<Parent>> {
    let mut statement = connection.prepare_cached("SELECT id, name, age FROM parents")?;
    let decode = |row: &Row<'_>| {
        Ok(Parent { id: row.get(0)?, name: row.get(1)?, age: row.get(2)?, children: Vec::new() })
    };
    let mut parents: Vec<Parent> = statement.query_map([], decode)?.collect::<Result<_, _>>()?;
    let places: HashMap<i64, usize> =
        parents.iter().enumerate().map(|(at, parent)| (parent.id, at)).collect();
    let list = vec!["?"; parents.len()].join(", ");
    let sql = format!("SELECT id, parent_id, title, pages FROM children WHERE parent_id IN ({list})");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(parents.iter().map(|parent| parent.id)))?;
    while let Some(row) = found.next()? {
        let child = Child { id: row.get(0)?, parent_id: row.get(1)?, title: row.get(2)?, pages: row.get(3)? };
        let place = places.get(&child.parent_id).ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        parents[*place].children.push(child);
    }
    Ok(parents)
}

/// Reads an account, changes its balance, and notes it.
pub(crate) fn request(
    connection: &mut Connection,
    key: i64,
    number: usize,
) -> rusqlite::Result<(Account, Audit)> {
    let transaction = begin(connection)?;
    let mut select = transaction.prepare_cached("SELECT id, owner, balance FROM accounts WHERE id = ?")?;
    let decode = |row: &Row<'_>| Ok(Account { id: row.get(0)?, owner: row.get(1)?, balance: row.get(2)? });
    let mut account = select.query_row([key], decode)?;
    let amount = amount(number);
    account.balance += amount;
    let mut update = transaction.prepare_cached("UPDATE accounts SET balance = ? WHERE id = ?")?;
    if update.execute(params![account.balance, account.id])? != 1 {
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    let mut insert = transaction.prepare_cached("INSERT INTO audits (account_id, amount) VALUES (?, ?)")?;
    insert.execute(params![account.id, amount])?;
    let audit = Audit { id: transaction.last_insert_rowid(), account_id: account.id, amount };
    drop((select, update, insert));
    transaction.commit()?;
    Ok((account, audit))
}

/// The keys of each diamond.
pub(crate) fn insert_diamonds(
    connection: &mut Connection,
    names: &[[String; 4]],
) -> rusqlite::Result<Vec<[i64; 4]>> {
    let transaction = begin(connection)?;
    let insert = |sql: &str, values: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.insert(values);
    let mut keys = Vec::with_capacity(names.len());
    for [top_name, left_name, right_name, bottom_name] in names {
        let top = insert("INSERT INTO tops (name) VALUES (?)", &[top_name])?;
        let left = insert("INSERT INTO lefts (name, top_id) VALUES (?, ?)", &[left_name, &top])?;
        let right = insert("INSERT INTO rights (name, top_id) VALUES (?, ?)", &[right_name, &top])?;
        let bottom = insert(
            "INSERT INTO bottoms (name, left_id, right_id) VALUES (?, ?, ?)",
            &[bottom_name, &left, &right],
        )?;
        keys.push([top, left, right, bottom]);
    }
    transaction.commit()?;
    Ok(keys)
}

pub(crate) fn sum_of_diamonds(keys: Vec<[i64; 4]>) -> Checksum {
    let mut sum = Checksum::default();
    keys.into_iter().for_each(|keys| sum.diamond(keys));
    sum
}

pub(crate) fn sum_of_parents(parents: &[Parent]) -> Checksum {
    let mut sum = Checksum::default();
    for parent in parents {
        sum.parent(parent.id, &parent.name, parent.age);
        for child in &parent.children {
            sum.child(child.id, child.parent_id, &child.title, child.pages);
        }
    }
    sum
}

pub(crate) fn sum_of_requests(requests: &[(Account, Audit)]) -> Checksum {
    let mut sum = Checksum::default();
    for (account, audit) in requests {
        sum.account(account.id, &account.owner, account.balance);
        sum.audit(audit.id, audit.account_id, audit.amount);
    }
    sum
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}
