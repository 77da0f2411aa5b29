#[derive(Debug, toasty::Model)]
struct User {
    #[key]
    #[auto]
    id: u64,
    name: String,
}

fn main() -> toasty::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut db = toasty::Db::builder().models(toasty::models!(User)).connect("sqlite::memory:").await?;
        db.push_schema().await?;
        let ada = toasty::create!(User { name: "Ada" }).exec(&mut db).await?;
        let found = User::get_by_id(&mut db, &ada.id).await?;
        println!("hello {}", found.name == "Ada");
        Ok(())
    })
}
