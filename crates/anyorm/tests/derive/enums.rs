//! Enums as columns and keys.

use anyorm::prelude::*;
use anyorm::{KeyArg, POSTGRES, SQLITE, SqlType, Value};
use orm_core::{ColumnType, EnumType, ValueRef};

use crate::fake_row::FakeRow;

/// Stored as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SqlType)]
enum Size {
    #[default]
    Small,
    #[sql_type(rename = "very large")]
    Large = 7,
}

/// A type of its own where the database has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, SqlType)]
#[sql_type(name = "Shirt color", rename_all = "kebab-case")]
enum Color {
    #[default]
    DarkRed,
    #[sql_type(rename = "l'eau")]
    Water,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
struct Shirt {
    #[key]
    size: Size,
    color: Color,
    other: Option<Color>,
}

#[derive(Clone, Debug, Default, Entity)]
struct Palette {
    #[key(auto)]
    id: i64,
    colors: Vec<Color>,
}

#[test]
fn an_enum_is_stored_by_the_names_of_its_variants() {
    static TYPE: EnumType = EnumType { name: "Shirt color", labels: &["dark-red", "l'eau"] };
    static COLOR: ColumnType = ColumnType::Enum(&TYPE);
    let types: Vec<_> = Shirt::meta().columns.iter().map(|column| (column.ty, column.nullable)).collect();
    assert_eq!(types, [(ColumnType::Text, false), (COLOR, false), (COLOR, true)]);
    assert_eq!(Palette::COLORS.meta().ty, ColumnType::Array(&COLOR));
    let shirt = Shirt { size: Size::Large, color: Color::Water, other: None };
    let row = FakeRow::of(&shirt);
    assert_eq!(row.0, [Value::Text("very large".into()), Value::Text("l'eau".into()), Value::Null]);
    assert_eq!(row.decode::<Shirt>(), Ok(shirt.clone()));
    assert_eq!(shirt.key(), Some(<Size as KeyArg<Size>>::into_key(Size::Large)));
    assert!(Color::Water.same(&Color::Water) && !Color::Water.same(&Color::DarkRed));
}

#[test]
fn a_name_that_no_variant_has_is_an_error_that_lists_them() {
    let misfit = Size::decode(ValueRef::Text(b"huge")).expect_err("no such size");
    assert_eq!((misfit.expected, misfit.found.as_str()), ("one of `Small`, `very large`", "\"huge\""));
    let misfit = Size::decode(ValueRef::Int(7)).expect_err("no name");
    assert_eq!(misfit.found, "an integer");
}

#[test]
fn the_type_is_created_before_the_tables_and_dropped_after_them() {
    let schema = schema![Shirt, Palette];
    let created = schema.create(&POSTGRES).expect("a schema");
    assert_eq!(
        created[0],
        "DO $$ BEGIN CREATE TYPE \"Shirt color\" AS ENUM ('dark-red', 'l''eau'); EXCEPTION WHEN duplicate_object THEN NULL; \
         END $$"
    );
    assert!(created[1].contains("\"color\" \"Shirt color\" NOT NULL"), "{}", created[1]);
    assert!(created[2].contains("\"colors\" \"Shirt color\"[] NOT NULL"), "{}", created[2]);
    assert_eq!(created.len(), 3, "once for all columns");
    let dropped = schema.drop(&POSTGRES).expect("a schema");
    assert_eq!(
        dropped.last().map(String::as_str),
        Some(
            "DO $$ BEGIN DROP TYPE IF EXISTS \"Shirt color\"; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END $$"
        )
    );
    let plain = schema![Shirt].create(&SQLITE).expect("a schema");
    assert!(plain.len() == 1 && plain[0].contains("\"color\" TEXT NOT NULL"), "{plain:?}");
}

#[test]
fn arrays_are_refused_where_the_database_has_none() {
    let error = schema![Shirt, Palette].create(&SQLITE).expect_err("an array");
    assert_eq!(
        error.to_string(),
        "nothing was sent: Palette::colors is an array, which SQLite has not: use `Json<Vec<T>>`"
    );
}

#[test]
fn two_enums_of_one_name_are_refused() {
    #[derive(Clone, Debug, SqlType)]
    #[sql_type(name = "Shirt color")]
    enum Other {
        Blue,
    }

    #[derive(Clone, Debug, Entity)]
    struct Sock {
        #[key]
        id: i64,
        color: Other,
    }

    let sock = Sock { id: 1, color: Other::Blue };
    assert_eq!(FakeRow::of(&sock).0[1], Value::Text("Blue".into()));
    let error = schema![Shirt, Sock].check().expect_err("two types of one name");
    assert_eq!(
        error.to_string(),
        "nothing was sent: Shirt::color and Sock::color are of two enums that are both stored as type Shirt color: give one of them another \
         name with `#[sql_type(name = \"..\")]`"
    );
}
