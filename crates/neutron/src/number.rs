//! Numbers as text.

/// Appends the text of a number.
#[inline]
pub(crate) fn push(n: f64, out: &mut String) {
    let i = n as i64;
    if i as f64 == n && i.unsigned_abs() < 1_000_000_000_000_000 && (i != 0 || n.is_sign_positive()) {
        out.push_str(itoa::Buffer::new().format(i));
    } else {
        out.push_str(&text(n));
    }
}

/// As C's `%.15g` prints it.
pub(crate) fn text(n: f64) -> String {
    if n.is_nan() {
        return "nan".into();
    }
    if n.is_infinite() {
        return if n > 0.0 { "inf".into() } else { "-inf".into() };
    }
    if n == n.trunc() && n.abs() < 1e15 {
        return if n == 0.0 && n.is_sign_negative() { "-0".into() } else { (n as i64).to_string() };
    }
    // Fifteen significant digits, rounded from the exact value.
    let scientific = format!("{n:.14e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits = digits.trim_end_matches('0');
    if !(-4..15).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs());
    }
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}

/// A whole number for bit operators: 64 bits, or `None` if the number is none.
pub(crate) fn integer(n: f64) -> Option<i64> {
    // 2^63 itself is no i64, and the cast would saturate.
    (n == n.trunc() && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n)).then_some(n as i64)
}

/// A whole number that may be an index or a count.
pub(crate) fn index(n: f64) -> Option<i64> {
    integer(n).filter(|i| i.unsigned_abs() <= 1 << 53)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_percent_15g() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (0.1 + 0.2, "0.3"),
            (1e15, "1e+15"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e14, "100000000000000"),
            (1.5e300, "1.5e+300"),
            (1.0 / 3.0, "0.333333333333333"),
            (2.0 / 3.0, "0.666666666666667"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123456.789, "123456.789"),
            (999_999_999_999_999.9, "1e+15"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
            (5e-324, "4.94065645841247e-324"),
        ];
        for (n, expected) in cases {
            assert_eq!(text(n), expected);
            let mut pushed = String::new();
            push(n, &mut pushed);
            assert_eq!(pushed, expected);
        }
    }
}
