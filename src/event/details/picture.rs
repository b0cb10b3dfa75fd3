//! What kind of picture some bytes are. Whoever sent them is not asked.

/// A kind of picture that testers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PictureFormat {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    WebP,
    /// High Efficiency Image Format, as devices of Apple's make it. Not every browser shows it.
    Heic,
}

impl PictureFormat {
    /// Knows a picture by its first bytes; none if it is no picture, or one that could be more than a picture, as SVG could.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', b'i' | b'f', b'c' | b'x' | b'1', ..] => Some(Self::Heic),
            _ => None,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Heic => "image/heic",
        }
    }

    /// What the name of its file ends with.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Heic => "heic",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<&str>) {
        assert_eq!(PictureFormat::of(bytes).map(PictureFormat::media_type), expected);
    }

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        check(b"\x89PNG\r\n\x1a\nrest", Some("image/png"));
        check(b"\xff\xd8\xff\xe0rest", Some("image/jpeg"));
        check(b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp"));
        check(b"\0\0\0\x18ftypheicrest", Some("image/heic"));
        check(b"<html><script>", None);
        check(b"<svg xmlns='http://www.w3.org/2000/svg'/>", None);
        check(b"GIF89a", None);
        check(b"", None);
    }
}
