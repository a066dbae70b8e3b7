//! Times as others write them: RFC 3339, in UTC alone.

use alloc::{format, string::String};

const DAY_S: u64 = 86_400;
/// Days of the years 1 to 1969.
const DAYS_TO_1970: u64 = 719_162;

/// Reads `2026-11-23T18:20:40Z` as Unix seconds: years 1970 to 9999, days that the calendar has, no leap second, which Unix
/// time has no number for. One to nine digits of a fraction may stand before the `Z` and are dropped.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !(1..=9).contains(&fraction.len()) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (date, clock) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let days_of_month = *days_of_months(year).get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if year < 1970 || !(1..=days_of_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let months = days_of_months(year).into_iter().zip(1..month).map(|(days, _)| days).sum::<u64>();
    let days = days_before(year).checked_add(months)?.checked_add(day)?.checked_sub(1)?.checked_sub(DAYS_TO_1970)?;
    let minutes = hour.checked_mul(60)?.checked_add(minute)?;
    days.checked_mul(DAY_S)?.checked_add(minutes.checked_mul(60)?)?.checked_add(second)
}

/// Writes Unix seconds in this form, for years to 9999.
pub(super) fn format(time: u64) -> String {
    let days = (time / DAY_S).saturating_add(DAYS_TO_1970);
    // A year has 365 or 366 days, so it is one of these few.
    let years = (days / 366).saturating_add(1)..=(days / 365).saturating_add(1);
    let year = years.rev().find(|year| days_before(*year) <= days).unwrap_or_default();
    let (mut month, mut day) = (1_u64, days.saturating_sub(days_before(year)).saturating_add(1));
    for days in days_of_months(year) {
        if day <= days {
            break;
        }
        (month, day) = (month.saturating_add(1), day.saturating_sub(days));
    }
    let (hour, minute, second) = (time % DAY_S / 3600, time % 3600 / 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Three numbers in digits alone, of these widths.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days of the years from 1 to the one before.
fn days_before(year: u64) -> u64 {
    let years = year.saturating_sub(1);
    let leap_days = (years / 4).saturating_sub(years / 100).saturating_add(years / 400);
    years.saturating_mul(365).saturating_add(leap_days)
}

fn days_of_months(year: u64) -> [u64; 12] {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, time) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:59Z", 59),
            ("1972-02-29T23:59:59Z", 68_255_999),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2001-09-09T01:46:40Z", 1_000_000_000),
            ("2026-11-23T18:20:40Z", 1_795_458_040),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Some(time), "{text}");
            assert_eq!(format(time), text);
        }
        for fraction in ["0", "9", "000000000", "999999999"] {
            assert_eq!(parse(&format!("2001-09-09T01:46:40.{fraction}Z")), Some(1_000_000_000));
        }
    }

    #[test]
    fn every_day() {
        let days = 253_402_300_799 / DAY_S;
        let mut last = String::new();
        for day in 0..=days {
            let time = day * DAY_S + day % DAY_S;
            let text = format(time);
            assert!(text > last, "{last} {text}");
            assert_eq!(parse(&text), Some(time), "{text}");
            last = text;
        }
    }

    #[test]
    fn no_times() {
        let good = "2026-11-23T18:20:40Z";
        for (from, to) in [
            ("Z", ""),
            ("Z", "z"),
            ("Z", "+00:00"),
            ("Z", "-00:00"),
            ("Z", ".Z"),
            ("Z", ".0000000000Z"),
            ("Z", ".+1Z"),
            ("Z", ".1.1Z"),
            ("Z", ",5Z"),
            ("Z", "ZZ"),
            ("Z", "Z "),
            ("T", "t"),
            ("T", " "),
            ("T", ""),
            ("2026", "1969"),
            ("2026", "0000"),
            ("2026", "12026"),
            ("2026", "+026"),
            ("2026", "202６"),
            ("2026-", "2026"),
            ("-11", "-00"),
            ("-11", "-13"),
            ("-11", "-1"),
            ("-23", "-00"),
            ("-23", "-31"),
            ("11-23", "02-29"),
            ("2026-11-23", "2100-02-29"),
            ("2026-11-23", "2026-11-23-01"),
            ("18:", "24:"),
            (":20:", ":60:"),
            (":40", ":60"),
            (":40", ""),
            (":40", ":40:00"),
            ("18:20:40", "182040"),
        ] {
            assert_eq!(parse(&good.replacen(from, to, 1)), None, "{from} {to}");
        }
        assert_eq!(parse(" "), None);
        assert_eq!(parse(""), None);
    }
}
