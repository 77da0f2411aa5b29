use sea_orm::{ActiveModelTrait, ConnectionTrait, Database, DbErr, EntityTrait, Schema, Set};

mod user {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() -> Result<(), DbErr> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut options = sea_orm::ConnectOptions::new("sqlite::memory:");
        options.max_connections(1);
        let database = Database::connect(options).await?;
        let schema = Schema::new(database.get_database_backend());
        database.execute(&schema.create_table_from_entity(user::Entity)).await?;
        let ada = user::ActiveModel { name: Set("Ada".to_owned()), ..Default::default() };
        let ada = ada.insert(&database).await?;
        let found = user::Entity::find_by_id(ada.id).one(&database).await?;
        println!("hello {}", found.is_some());
        Ok(())
    })
}
