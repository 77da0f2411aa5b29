//! Values that no database takes are found before anything is sent.

use std::collections::HashMap;

use orm_core::{Entity, Json, POSTGRES, Program, Query, SQLITE};

use crate::entities::{Post, Tag, entity};

entity! {
    Note "notes" key i64 = [0];
    columns {
        0 ID id: i64;
        1 PLACES places: Json<HashMap<Vec<u8>, i32>>;
    }
    relations []
}

#[track_caller]
fn fault_of(query: impl Query) -> String {
    let compiled = query.statement().unwrap().compile(&SQLITE).unwrap();
    Program::single(compiled.shape, compiled.input).verify(&SQLITE).unwrap_err().error.to_string()
}

#[test]
fn text_with_nul() {
    let fault = "parameter 2 cannot be sent: it is text with a NUL character";
    let filter = Tag::ID.eq(1) & Tag::NAME.eq("a\0b");
    assert!(fault_of(Tag::select().filter(filter)).starts_with(fault));
    let row = Tag { id: 1, name: "a\0b".to_owned() };
    assert!(fault_of(Tag::insert().value(row)).starts_with(fault));
}

#[test]
fn json_whose_keys_are_no_text() {
    let places = Json(HashMap::from([(vec![1], 2)]));
    let fault = fault_of(Note::select().filter(Note::PLACES.eq(places)));
    assert!(fault.starts_with("parameter 1 cannot be sent: it is a value that is not JSON"), "{fault}");
}

#[test]
fn nan_where_the_database_has_none() {
    let fault = fault_of(Post::select().filter(Post::ID.eq(1) & Post::RATING.gt(f64::NAN)));
    assert!(
        fault.starts_with(
            "parameter 2 cannot be sent: it is NaN, which SQLite stores as NULL: send None if that is meant"
        ),
        "{fault}"
    );
    let statement = Post::update().set(Post::RATING, f64::NAN).everything().statement().unwrap();
    let compiled = statement.compile(&POSTGRES).unwrap();
    let program = Program::single(compiled.shape, compiled.input);
    assert!(program.verify(&POSTGRES).is_ok() && program.verify(&SQLITE).is_err());
}
