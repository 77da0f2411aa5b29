use diesel::connection::SimpleConnection;
use diesel::prelude::*;

diesel::table! {
    users (id) {
        id -> BigInt,
        name -> Text,
    }
}

#[derive(Queryable, Selectable)]
struct User {
    #[allow(dead_code)]
    id: i64,
    name: String,
}

fn main() -> QueryResult<()> {
    let mut connection = SqliteConnection::establish(":memory:").expect("a database");
    connection.batch_execute("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")?;
    let insert = diesel::insert_into(users::table).values(users::name.eq("Ada"));
    let key: i64 = insert.returning(users::id).get_result(&mut connection)?;
    let user = users::table.find(key).select(User::as_select()).first(&mut connection)?;
    println!("hello {}", user.name == "Ada");
    Ok(())
}
