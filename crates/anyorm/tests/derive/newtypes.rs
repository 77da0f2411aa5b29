//! Structs around one value as columns and keys.

use anyorm::prelude::*;
use anyorm::{KeyArg, SqlType, Value};
use orm_core::{Cells, ColumnType, RowSource, ValueRef};

use crate::fake_row::FakeRow;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SqlType)]
struct UserId(i64);

#[derive(Clone, Debug, Default, PartialEq, SqlType)]
struct Email(String);

#[derive(Clone, Debug, Default, PartialEq, Entity)]
struct User {
    #[key(auto)]
    id: UserId,
    email: Email,
    other_email: Option<Email>,
    #[belongs_to]
    friend: BelongsTo<Option<User>>,
    #[column(references = User::ID)]
    boss: Option<UserId>,
}

#[test]
fn a_newtype_is_stored_as_what_is_in_it() {
    let types: Vec<_> = User::meta().columns.iter().map(|column| (column.ty, column.nullable)).collect();
    use ColumnType::{BigInt, Text};
    assert_eq!(types, [(BigInt, false), (Text, false), (Text, true), (BigInt, true), (BigInt, true)]);
    let user = User {
        id: UserId(7),
        email: Email("a@b".into()),
        friend: BelongsTo::to_key(UserId(8)),
        ..User::default()
    };
    let row = FakeRow::of(&user);
    assert_eq!(row.0, [Value::Int(7), Value::Text("a@b".into()), Value::Null, Value::Int(8), Value::Null]);
    assert_eq!(row.decode::<User>(), Ok(user));
}

#[test]
fn a_newtype_can_be_a_key_that_the_database_assigns() {
    let mut user = User::default();
    assert_eq!(user.key(), None);
    user.assign(User::ID.position(), ValueRef::Int(9)).expect("an integer");
    assert_eq!(user.key(), Some(UserId(9)));
    assert_eq!(<UserId as KeyArg<UserId>>::into_key(UserId(9)), UserId(9));
}

#[test]
fn a_value_that_does_not_fit_is_an_error_of_what_is_in_it() {
    let misfit = Email::decode(ValueRef::Int(1)).expect_err("an integer is no text");
    assert_eq!((misfit.expected, misfit.found.as_str()), ("text", "an integer"));
}

/// A row that gives integers in the short way only.
struct Sevens;

impl RowSource for Sevens {
    fn width(&self) -> usize {
        1
    }

    fn value(&self, _index: usize) -> ValueRef<'_> {
        unreachable!("an integer has a shorter way")
    }

    fn name(&self, _index: usize) -> String {
        String::new()
    }

    fn int(&self, _index: usize) -> Option<i64> {
        Some(7)
    }
}

#[test]
fn a_newtype_takes_the_short_ways_of_what_is_in_it() {
    assert_eq!(UserId::direct(&Sevens, 0), Some(UserId(7)));
    assert_eq!(<Option<UserId>>::direct(&Sevens, 0), Some(Some(UserId(7))));
    assert!(Email("a@b".into()).same(&Email("a@b".into())));
    assert!(!Email("a@b".into()).same(&Email("A@b".into())));
    assert!(Anything(Parity(1)).same(&Anything(Parity(3))));
    assert!(!Anything(Parity(1)).same(&Anything(Parity(2))));
}

#[derive(Debug, SqlType)]
struct Anything(Parity);

/// A column type with a comparison of its own, which does not encode.
#[derive(Debug)]
struct Parity(i64);

impl SqlType for Parity {
    type Base = Self;
    const TYPE: ColumnType = ColumnType::BigInt;

    fn encode(&self, _cells: &mut Cells) {
        unreachable!("comparing has a shorter way")
    }

    fn decode(value: ValueRef<'_>) -> Result<Self, orm_core::row::Misfit> {
        i64::decode(value).map(Self)
    }

    fn same(&self, other: &Self) -> bool {
        self.0 % 2 == other.0 % 2
    }
}
