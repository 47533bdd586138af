//! An invoice or a credit note as PDF: A4, in the font that every reader has, as many pages as its lines need.
//!
//! Deliberately without an embedded font: what Western European text (Windows-1252) cannot spell is shown as `?`.

use crate::wire::Money;
use crate::wire::order::Document;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

/// In points: an A4 page, its margins, and how far lines are apart.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const LEFT: f32 = 56.0;
const RIGHT: f32 = WIDTH - 56.0;
const TOP: f32 = HEIGHT - 64.0;
const BOTTOM: f32 = 64.0;
const LEADING: f32 = 15.0;
const SIZE: f32 = 10.0;
/// Where the columns of figures end.
const QUANTITY: f32 = 380.0;
const PRICE: f32 = 460.0;
/// Longest text of a line, in letters.
const NAME_LETTERS: usize = 52;

const PLAIN: Name<'_> = Name(b"F1");
const BOLD: Name<'_> = Name(b"F2");

/// Renders a document.
pub(crate) fn render(document: &Document<'_>) -> Vec<u8> {
    let mut sheet = Sheet::default();
    head(&mut sheet, document);
    lines(&mut sheet, document);
    totals(&mut sheet, document);
    sheet.finish(document)
}

/// Pages that fill from the top.
#[derive(Default)]
struct Sheet {
    pages: Vec<Content>,
    y: f32,
}

impl Sheet {
    /// The page that is being filled; a new one when there is no room.
    fn page(&mut self) -> &mut Content {
        if self.pages.is_empty() || self.y < BOTTOM {
            self.pages.push(Content::new());
            self.y = TOP;
        }
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    fn down(&mut self, lines: f32) {
        self.y -= lines * LEADING;
    }

    fn text(&mut self, font: Name<'_>, size: f32, x: f32, text: &str) {
        self.page();
        let y = self.y;
        let page = self.page();
        page.begin_text();
        page.set_font(font, size);
        page.next_line(x, y);
        page.show(Str(&windows_1252(text)));
        page.end_text();
    }

    /// Figures that end at `x`.
    fn figures(&mut self, font: Name<'_>, x: f32, text: &str) {
        self.text(font, SIZE, x - width(text) * SIZE / 1000.0, text);
    }

    /// A line across the page, above the next text.
    fn rule(&mut self) {
        self.page();
        let y = self.y + LEADING * 0.75;
        let page = self.page();
        page.set_line_width(0.5);
        page.move_to(LEFT, y);
        page.line_to(RIGHT, y);
        page.stroke();
    }

    fn finish(self, document: &Document<'_>) -> Vec<u8> {
        let mut next = 1;
        let mut fresh = || {
            let id = Ref::new(next);
            next += 1;
            id
        };
        let mut pdf = Pdf::new();
        let (catalog, tree, info) = (fresh(), fresh(), fresh());
        let (plain, bold) = (fresh(), fresh());
        let pages: Vec<_> = self
            .pages
            .into_iter()
            .map(|content| (fresh(), fresh(), content))
            .collect();
        pdf.catalog(catalog).pages(tree);
        pdf.pages(tree)
            .kids(pages.iter().map(|(page, ..)| *page))
            .count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
        for (id, contents, content) in pages {
            let mut page = pdf.page(id);
            page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT));
            page.parent(tree).contents(contents);
            let mut resources = page.resources();
            resources.fonts().pair(PLAIN, plain).pair(BOLD, bold);
            resources.finish();
            page.finish();
            pdf.stream(contents, &content.finish());
        }
        for (id, name) in [(plain, &b"Helvetica"[..]), (bold, b"Helvetica-Bold")] {
            pdf.type1_font(id)
                .base_font(Name(name))
                .encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        let mut described = pdf.document_info(info);
        described.title(TextStr(&document.number));
        described.author(TextStr(&document.seller.name));
        described.finish();
        pdf.finish()
    }
}

fn head(sheet: &mut Sheet, document: &Document<'_>) {
    let seller = document.seller;
    sheet.text(BOLD, 12.0, LEFT, &seller.name);
    sheet.down(1.0);
    for line in &seller.address {
        sheet.text(PLAIN, SIZE, LEFT, line);
        sheet.down(1.0);
    }
    if let Some(tax_id) = &seller.tax_id {
        sheet.text(PLAIN, SIZE, LEFT, &format!("Tax number {tax_id}"));
        sheet.down(1.0);
    }
    sheet.down(2.0);
    let title = if document.corrects.is_some() || document.kind == "credit_note" {
        "Credit note"
    } else {
        "Invoice"
    };
    sheet.text(BOLD, 18.0, LEFT, &format!("{title} {}", document.number));
    sheet.down(2.0);
    let issued = document.issued_at.0.to_string();
    let date = issued.split('T').next().unwrap_or_default();
    sheet.text(PLAIN, SIZE, LEFT, &format!("Date {date}"));
    sheet.down(1.0);
    let order = format!("Order {} ({})", document.order_number, document.order_id);
    sheet.text(PLAIN, SIZE, LEFT, &order);
    sheet.down(1.0);
    if let Some(corrects) = &document.corrects {
        sheet.text(PLAIN, SIZE, LEFT, &format!("Corrects {corrects}"));
        sheet.down(1.0);
    }
    if let Some(reason) = &document.reason {
        sheet.text(PLAIN, SIZE, LEFT, &format!("Reason: {reason}"));
        sheet.down(1.0);
    }
    if document.refund_state == Some("failed") {
        sheet.text(BOLD, SIZE, LEFT, "Void: the money did not go back");
        sheet.down(1.0);
    }
    sheet.down(1.0);
    let buyer = document.buyer.address.as_ref();
    for line in buyer
        .map(crate::wire::checkout::Address::lines)
        .unwrap_or_default()
    {
        sheet.text(PLAIN, SIZE, LEFT, &line);
        sheet.down(1.0);
    }
    if let Some(email) = &document.buyer.email {
        sheet.text(PLAIN, SIZE, LEFT, email);
        sheet.down(1.0);
    }
    sheet.down(2.0);
}

fn lines(sheet: &mut Sheet, document: &Document<'_>) {
    sheet.text(BOLD, SIZE, LEFT, "Item");
    sheet.figures(BOLD, QUANTITY, "Quantity");
    sheet.figures(BOLD, PRICE, "Price");
    let total = format!("Total {}", document.totals.total().currency);
    sheet.figures(BOLD, RIGHT, &total);
    sheet.down(1.25);
    sheet.rule();
    for line in &document.lines {
        let name: String = line.name.chars().take(NAME_LETTERS).collect();
        sheet.text(PLAIN, SIZE, LEFT, &name);
        sheet.figures(PLAIN, QUANTITY, &line.quantity.to_string());
        sheet.figures(PLAIN, PRICE, &spelled(line.unit_price));
        sheet.figures(PLAIN, RIGHT, &spelled(line.total));
        sheet.down(1.0);
        sheet.text(PLAIN, 8.0, LEFT, line.sku.as_str());
        sheet.down(1.25);
    }
}

fn totals(sheet: &mut Sheet, document: &Document<'_>) {
    sheet.rule();
    let totals = &document.totals;
    let tax = if totals.is_tax_included() {
        "Tax (included)"
    } else {
        "Tax"
    };
    for (name, money) in [
        ("Subtotal", totals.subtotal()),
        ("Discount", totals.discount()),
        ("Shipping", totals.shipping()),
        (tax, totals.tax()),
    ] {
        if money.amount != 0 || name == "Subtotal" {
            sheet.text(PLAIN, SIZE, LEFT, name);
            sheet.figures(PLAIN, RIGHT, &spelled(money));
            sheet.down(1.0);
        }
    }
    sheet.text(BOLD, SIZE, LEFT, "Total");
    let total = totals.total();
    let spelled = format!("{} {}", spelled(total), total.currency);
    sheet.figures(BOLD, RIGHT, &spelled);
}

/// Minor units as people write them: `12.99`.
fn spelled(money: Money) -> String {
    let digits = money.currency.digits() as usize;
    let sign = if money.amount < 0 { "-" } else { "" };
    let text = format!(
        "{:0>width$}",
        money.amount.unsigned_abs(),
        width = digits + 1
    );
    let (whole, part) = text.split_at(text.len() - digits);
    if part.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part}")
    }
}

/// How wide text is, in thousandths of its size: Helvetica's own figures for digits and signs, an average for letters.
fn width(text: &str) -> f32 {
    let widths = text.chars().map(|letter| match letter {
        '0'..='9' => 556.0,
        '.' | ',' | ' ' | 'i' | 't' => 278.0,
        '-' => 333.0,
        'A'..='Z' => 690.0,
        _ => 530.0,
    });
    widths.sum()
}

/// Text in the encoding of the font.
fn windows_1252(text: &str) -> Vec<u8> {
    let bytes = text.chars().map(|letter| match letter {
        ' '..='~' | '\u{a0}'..='\u{ff}' => letter as u8,
        '€' => 0x80,
        '‚' => 0x82,
        '„' => 0x84,
        '…' => 0x85,
        'Š' => 0x8a,
        'Œ' => 0x8c,
        'Ž' => 0x8e,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        '™' => 0x99,
        'š' => 0x9a,
        'œ' => 0x9c,
        'ž' => 0x9e,
        'Ÿ' => 0x9f,
        _ => b'?',
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwright_domain::Currency;

    #[test]
    fn spells_money_by_its_currency() {
        let money = |amount, code| Money {
            amount,
            currency: Currency::new(code).expect("a currency"),
        };
        for (amount, code, text) in [
            (1299, "USD", "12.99"),
            (5, "USD", "0.05"),
            (-5, "EUR", "-0.05"),
            (700, "JPY", "700"),
        ] {
            assert_eq!(spelled(money(amount, code)), text);
        }
    }

    #[test]
    fn spells_what_western_europe_writes() {
        assert_eq!(windows_1252("Aß€“—ł"), b"A\xdf\x80\x93\x97?");
    }
}
