//! Composite keys in joins and relations.

use orm_core::Entity;

use crate::assert_sql;
use crate::entities::{Item, Order};

#[test]
fn a_join_ties_every_column_of_the_key() {
    assert_sql(
        Item::select().join(Item::ORDER).columns((Item::LINE, Order::NOTE)),
        r#"SELECT "order_items"."line", "orders"."note" FROM "order_items" JOIN "orders" ON "orders"."region" = "order_items"."region" AND "orders"."number" = "order_items"."number""#,
        r#"SELECT "order_items"."line", "orders"."note" FROM "order_items" JOIN "orders" ON "orders"."region" = "order_items"."region" AND "orders"."number" = "order_items"."number""#,
        "SELECT `order_items`.`line`, `orders`.`note` FROM `order_items` JOIN `orders` ON `orders`.`region` = `order_items`.`region` AND `orders`.`number` = `order_items`.`number`",
    );
}

#[test]
fn so_does_a_subquery() {
    assert_sql(
        Item::select().columns(Item::LINE).filter(Item::ORDER.any(Order::NOTE.is_null())),
        r#"SELECT "order_items"."line" FROM "order_items" WHERE EXISTS (SELECT 1 FROM "orders" WHERE "orders"."region" = "order_items"."region" AND "orders"."number" = "order_items"."number" AND "orders"."note" IS NULL)"#,
        r#"SELECT "order_items"."line" FROM "order_items" WHERE EXISTS (SELECT 1 FROM "orders" WHERE "orders"."region" = "order_items"."region" AND "orders"."number" = "order_items"."number" AND "orders"."note" IS NULL)"#,
        "SELECT `order_items`.`line` FROM `order_items` WHERE EXISTS (SELECT 1 FROM `orders` WHERE `orders`.`region` = `order_items`.`region` AND `orders`.`number` = `order_items`.`number` AND `orders`.`note` IS NULL)",
    );
}
