//! What sells, and what does not.

use anyorm::expr::{partition_by, row_number};
use anyorm::prelude::*;
use anyorm::sum;

use crate::entities::{Album, Artist, InvoiceLine, Track};
use crate::shop::in_shop;

#[test]
fn never_sold() {
    in_shop(async |shop| {
        let report = Track::select()
            .left_join(Track::ALBUM.then(Album::ARTIST))
            .filter(!Track::SALES.exists())
            .columns((Track::ID, Track::NAME, Album::TITLE.optional(), Artist::NAME))
            .order_by(Track::ID);
        let rows = shop
            .report(
                report,
                "SELECT t.TrackId, t.Name, b.Title, a.Name
                 FROM Track t LEFT JOIN Album b USING (AlbumId) LEFT JOIN Artist a USING (ArtistId)
                     LEFT JOIN InvoiceLine l USING (TrackId)
                 WHERE l.TrackId IS NULL ORDER BY t.TrackId",
            )
            .await?;
        let sold = InvoiceLine::select().columns(anyorm::count_distinct(InvoiceLine::TRACK_ID));
        let sold = shop.engine.scalar(sold).await? as u64;
        assert_eq!(rows.len() as u64 + sold, shop.engine.count(Track::select()).await?);
        Ok(())
    });
}

#[test]
fn best_of_each_artist() {
    in_shop(async |shop| {
        let sold = sum(InvoiceLine::QUANTITY);
        let best_first = partition_by(Artist::ID).order_by((sold.clone().desc(), Track::NAME, Track::ID));
        let placed = InvoiceLine::select()
            .join(InvoiceLine::TRACK.then(Track::ALBUM.then(Album::ARTIST)))
            .group_by((Artist::ID, Artist::NAME, Track::ID, Track::NAME))
            .columns((Artist::NAME, Track::NAME, sold, row_number().over(best_first)))
            .derived();
        let (artist, track, sold, place) = placed.columns();
        let best =
            placed.select().filter(place.eq(1)).columns((artist, track, sold)).order_by((artist, track));
        let rows = shop
            .report(
                best,
                "SELECT artist, track, sold
                 FROM (SELECT a.Name AS artist, t.Name AS track, sum(l.Quantity) AS sold,
                         row_number() OVER (PARTITION BY a.ArtistId
                             ORDER BY sum(l.Quantity) DESC, t.Name, t.TrackId) AS place
                     FROM InvoiceLine l JOIN Track t USING (TrackId) JOIN Album b USING (AlbumId)
                         JOIN Artist a USING (ArtistId)
                     GROUP BY a.ArtistId, a.Name, t.TrackId, t.Name)
                 WHERE place = 1 ORDER BY artist, track",
            )
            .await?;
        assert!(rows.iter().all(|row| row.2 >= Some(1)));
        Ok(())
    });
}
