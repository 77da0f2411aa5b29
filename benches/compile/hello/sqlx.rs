use sqlx::SqlitePool;

#[derive(sqlx::FromRow)]
struct User {
    #[allow(dead_code)]
    id: i64,
    name: String,
}

fn main() -> sqlx::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let pool = SqlitePool::connect("sqlite::memory:").await?;
        let mut connection = pool.acquire().await?;
        sqlx::query("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)").execute(&mut *connection).await?;
        let key: i64 = sqlx::query_scalar("INSERT INTO users (name) VALUES (?) RETURNING id")
            .bind("Ada")
            .fetch_one(&mut *connection)
            .await?;
        let user: User =
            sqlx::query_as("SELECT id, name FROM users WHERE id = ?").bind(key).fetch_one(&mut *connection).await?;
        println!("hello {}", user.name == "Ada");
        Ok(())
    })
}
