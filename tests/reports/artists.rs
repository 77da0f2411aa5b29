//! Artists, by what sold of theirs.

use anyorm::prelude::*;

use crate::entities::{Album, Artist, InvoiceLine, Track};
use crate::shop::in_shop;

/// `all` of `any` of `exists`: relations three deep.
#[test]
fn every_album_sold_something() {
    in_shop(async |shop| {
        let sold_something = Album::TRACKS.any(Track::SALES.any(InvoiceLine::QUANTITY.ge(1)));
        let report = Artist::select()
            .filter(Artist::ALBUMS.exists() & Artist::ALBUMS.all(sold_something))
            .columns((Artist::NAME, Album::select().filter(Album::ARTIST_ID.eq(Artist::ID)).count()))
            .order_by(Artist::ID);
        let rows = shop
            .report(
                report,
                "SELECT a.Name, (SELECT count(*) FROM Album b WHERE b.ArtistId = a.ArtistId)
                 FROM Artist a
                 WHERE a.ArtistId IN (SELECT ArtistId FROM Album)
                     AND NOT EXISTS (SELECT 1 FROM Album b WHERE b.ArtistId = a.ArtistId
                         AND b.AlbumId NOT IN (SELECT t.AlbumId FROM Track t JOIN InvoiceLine l USING (TrackId)))
                 ORDER BY a.ArtistId",
            )
            .await?;
        assert!((rows.len() as u64) < shop.engine.count(Artist::select()).await?, "not every artist");
        Ok(())
    });
}
