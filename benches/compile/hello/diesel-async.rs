use diesel::prelude::*;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};

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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection =
            SyncConnectionWrapper::<SqliteConnection>::establish(":memory:").await.expect("a database");
        let table = "CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)";
        connection.batch_execute(table).await?;
        let insert = diesel::insert_into(users::table).values(users::name.eq("Ada"));
        let key: i64 = insert.returning(users::id).get_result(&mut connection).await?;
        let user = users::table.find(key).select(User::as_select()).first(&mut connection).await?;
        println!("hello {}", user.name == "Ada");
        Ok(())
    })
}
