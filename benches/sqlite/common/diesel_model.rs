//! The tables of diesel, and what it does on a connection that is at hand. Both peers that have diesel include this file.

use diesel::prelude::*;
use diesel::sqlite::{Sqlite, SqliteConnection};
use sqlite_bench_common::{Audit, Checksum, NewUser, older};

diesel::table! {
    users (id) {
        id -> BigInt,
        name -> Text,
        email -> Text,
        age -> Nullable<BigInt>,
        score -> Double,
    }
}

diesel::table! {
    parents (id) {
        id -> BigInt,
        name -> Text,
        age -> Nullable<BigInt>,
    }
}

diesel::table! {
    children (id) {
        id -> BigInt,
        parent_id -> BigInt,
        title -> Text,
        pages -> BigInt,
    }
}

diesel::table! {
    accounts (id) {
        id -> BigInt,
        owner -> Text,
        balance -> BigInt,
    }
}

diesel::table! {
    audits (id) {
        id -> BigInt,
        account_id -> BigInt,
        amount -> BigInt,
    }
}

diesel::table! {
    tops (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    lefts (id) {
        id -> BigInt,
        name -> Text,
        top_id -> BigInt,
    }
}

diesel::table! {
    rights (id) {
        id -> BigInt,
        name -> Text,
        top_id -> BigInt,
    }
}

diesel::table! {
    bottoms (id) {
        id -> BigInt,
        name -> Text,
        left_id -> BigInt,
        right_id -> BigInt,
    }
}

#[derive(Debug, Identifiable, Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Sqlite))]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) age: Option<i64>,
    pub(crate) score: f64,
}

#[derive(Debug, Identifiable, Queryable, Selectable)]
#[diesel(table_name = parents, check_for_backend(Sqlite))]
pub(crate) struct Parent {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) age: Option<i64>,
}

#[derive(Debug, Identifiable, Queryable, Selectable, Associations)]
#[diesel(table_name = children, belongs_to(Parent, foreign_key = parent_id), check_for_backend(Sqlite))]
pub(crate) struct Child {
    pub(crate) id: i64,
    pub(crate) parent_id: i64,
    pub(crate) title: String,
    pub(crate) pages: i64,
}

#[derive(Debug, Identifiable, Queryable, Selectable)]
#[diesel(table_name = accounts, check_for_backend(Sqlite))]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) owner: String,
    pub(crate) balance: i64,
}

#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(crate) struct UserToInsert<'a> {
    name: &'a str,
    email: &'a str,
    age: Option<i64>,
    score: f64,
}

#[derive(Insertable)]
#[diesel(table_name = audits)]
pub(crate) struct AuditToInsert {
    pub(crate) account_id: i64,
    pub(crate) amount: i64,
}

#[derive(Insertable)]
#[diesel(table_name = tops)]
struct TopToInsert<'a> {
    name: &'a str,
}

#[derive(Insertable)]
#[diesel(table_name = lefts)]
struct LeftToInsert<'a> {
    name: &'a str,
    top_id: i64,
}

#[derive(Insertable)]
#[diesel(table_name = rights)]
struct RightToInsert<'a> {
    name: &'a str,
    top_id: i64,
}

#[derive(Insertable)]
#[diesel(table_name = bottoms)]
struct BottomToInsert<'a> {
    name: &'a str,
    left_id: i64,
    right_id: i64,
}

/// Rows of one INSERT. diesel prepares it anew each time.
const CHUNK: usize = 1_000;

pub(crate) fn insert_users(connection: &mut SqliteConnection, new: Vec<NewUser>) -> QueryResult<Vec<User>> {
    connection.immediate_transaction(|connection| {
        let mut keys: Vec<i64> = Vec::with_capacity(new.len());
        for chunk in new.chunks(CHUNK) {
            let rows: Vec<UserToInsert<'_>> = chunk.iter().map(UserToInsert::from).collect();
            let insert = diesel::insert_into(users::table).values(rows).returning(users::id);
            keys.extend(insert.get_results::<i64>(connection)?);
        }
        Ok(new.into_iter().zip(keys).map(|(new, key)| with_key(new, key)).collect())
    })
}

pub(crate) fn change_users(connection: &mut SqliteConnection, users: &mut [User]) -> QueryResult<()> {
    connection.immediate_transaction(|connection| {
        for user in users {
            user.age = older(user.age);
            let update = diesel::update(users::table.find(user.id)).set(users::age.eq(user.age));
            if update.execute(connection)? != 1 {
                return Err(diesel::result::Error::NotFound);
            }
        }
        Ok(())
    })
}

/// A statement for each table. The keys are those of each diamond.
pub(crate) fn insert_diamonds(
    connection: &mut SqliteConnection,
    names: &[[String; 4]],
) -> QueryResult<Vec<[i64; 4]>> {
    connection.immediate_transaction(|connection| {
        let rows: Vec<_> = names.iter().map(|[name, ..]| TopToInsert { name }).collect();
        let insert = diesel::insert_into(tops::table).values(rows).returning(tops::id);
        let tops: Vec<i64> = insert.get_results(connection)?;
        let rows = names.iter().zip(&tops).map(|([_, name, ..], &top_id)| LeftToInsert { name, top_id });
        let insert = diesel::insert_into(lefts::table).values(rows.collect::<Vec<_>>()).returning(lefts::id);
        let lefts: Vec<i64> = insert.get_results(connection)?;
        let rows = names.iter().zip(&tops).map(|([_, _, name, _], &top_id)| RightToInsert { name, top_id });
        let insert =
            diesel::insert_into(rights::table).values(rows.collect::<Vec<_>>()).returning(rights::id);
        let rights: Vec<i64> = insert.get_results(connection)?;
        let sides = lefts.iter().zip(&rights);
        let rows = names.iter().zip(sides).map(|([.., name], (&left_id, &right_id))| BottomToInsert {
            name,
            left_id,
            right_id,
        });
        let insert =
            diesel::insert_into(bottoms::table).values(rows.collect::<Vec<_>>()).returning(bottoms::id);
        let bottoms: Vec<i64> = insert.get_results(connection)?;
        let keys = tops.into_iter().zip(lefts).zip(rights).zip(bottoms);
        Ok(keys.map(|(((top, left), right), bottom)| [top, left, right, bottom]).collect())
    })
}

pub(crate) fn sum_of_diamonds(keys: Vec<[i64; 4]>) -> Checksum {
    let mut sum = Checksum::default();
    keys.into_iter().for_each(|keys| sum.diamond(keys));
    sum
}

pub(crate) fn with_key(NewUser { name, email, age, score }: NewUser, id: i64) -> User {
    User { id, name, email, age, score }
}

pub(crate) fn sum_of(users: &[User]) -> Checksum {
    let mut sum = Checksum::default();
    for User { id, name, email, age, score } in users {
        sum.user(*id, name, email, *age, *score);
    }
    sum
}

pub(crate) fn sum_of_parents(parents: &[(Parent, Vec<Child>)]) -> Checksum {
    let mut sum = Checksum::default();
    for (parent, children) in parents {
        sum.parent(parent.id, &parent.name, parent.age);
        for child in children {
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

impl<'a> From<&'a NewUser> for UserToInsert<'a> {
    fn from(NewUser { name, email, age, score }: &'a NewUser) -> Self {
        Self { name, email, age: *age, score: *score }
    }
}
