//! Vectors of meanings, an eighth of their size: one byte for each number, and one scale for each vector.

/// Most numbers of a vector.
pub const DIMENSIONS_MAX: usize = 4_096;

/// A vector of length 1, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Small {
    /// The numbers, each in steps of `scale`.
    pub steps: Vec<i8>,
    /// What a step is.
    pub scale: f32,
}

impl Small {
    /// Of any vector; `None` of one without direction, too long, or with numbers that are none.
    #[must_use]
    pub fn of(vector: &[f32]) -> Option<Self> {
        if vector.len() > DIMENSIONS_MAX || !vector.iter().all(|x| x.is_finite()) {
            return None;
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        let largest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        if !length.is_normal() || !largest.is_normal() {
            return None;
        }
        let step = largest / 127.0;
        // By how `step` was chosen, none is beyond 127.
        let steps = vector.iter().map(|x| (x / step).round() as i8).collect();
        let scale = step / length;
        scale.is_finite().then_some(Self { steps, scale })
    }

    /// What [`Small::bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (scale, steps) = bytes.split_first_chunk::<4>()?;
        let scale = f32::from_le_bytes(*scale);
        let is_one = scale.is_finite() && !steps.is_empty() && steps.len() <= DIMENSIONS_MAX;
        let steps = steps.iter().map(|step| step.cast_signed()).collect();
        is_one.then_some(Self { steps, scale })
    }

    /// Four bytes of scale, and one for each number.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let steps = self.steps.iter().map(|step| step.cast_unsigned());
        self.scale.to_le_bytes().into_iter().chain(steps).collect()
    }
}

/// Many vectors of as many numbers each.
#[derive(Clone, Debug, Default)]
pub struct Vectors {
    dimensions: usize,
    steps: Vec<i8>,
    scales: Vec<f32>,
}

impl Vectors {
    /// Of these, `None` standing for a vector that is like no other; `None` if they are of different sorts, or there is none.
    #[must_use]
    pub fn of(vectors: &[Option<Small>]) -> Option<Self> {
        let dimensions = vectors
            .iter()
            .flatten()
            .map(|small| small.steps.len())
            .next()?;
        let mut all = Self {
            dimensions,
            steps: Vec::with_capacity(dimensions * vectors.len()),
            scales: Vec::with_capacity(vectors.len()),
        };
        for vector in vectors {
            match vector {
                Some(small) if small.steps.len() == dimensions => {
                    all.steps.extend_from_slice(&small.steps);
                    all.scales.push(small.scale);
                }
                Some(_) => return None,
                None => {
                    all.steps.resize(all.steps.len() + dimensions, 0);
                    all.scales.push(0.0);
                }
            }
        }
        Some(all)
    }

    /// Numbers of each.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Bytes that they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.steps.len() + self.scales.len() * size_of::<f32>()
    }

    /// How alike each is to `to`, from −1 to 1, in order; nothing if that is of another sort.
    pub fn cosines(&self, to: &Small) -> impl Iterator<Item = f32> {
        let is_alike = to.steps.len() == self.dimensions && self.dimensions > 0;
        let rows = self.steps.chunks_exact(self.dimensions.max(1));
        rows.zip(&self.scales)
            .take(if is_alike { usize::MAX } else { 0 })
            .map(|(steps, scale)| dot(steps, &to.steps) as f32 * scale * to.scale)
    }
}

/// Sums of as many products as a vector has numbers stay far below what an `i32` holds.
fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| i32::from(*a) * i32::from(*b))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_lost() {
        let a: Vec<f32> = (0..256).map(|n| (n as f32 * 0.37).sin()).collect();
        let b: Vec<f32> = (0..256)
            .map(|n| (n as f32 * 0.36 + 0.2).sin() * 40.0)
            .collect();
        let exact = |a: &[f32], b: &[f32]| {
            let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            product(a, b) / (product(a, a) * product(b, b)).sqrt()
        };
        let small = |v: &[f32]| Small::of(v).unwrap();
        let many = Vectors::of(&[Some(small(&a)), None, Some(small(&b))]).unwrap();
        let found: Vec<f32> = many.cosines(&small(&b)).collect();
        assert!((found[0] - exact(&a, &b)).abs() < 0.005, "{found:?}");
        assert!(found[1].abs() < 1e-6);
        assert!((found[2] - 1.0).abs() < 0.01, "{found:?}");
        let back = Small::from_bytes(&small(&a).bytes()).unwrap();
        assert_eq!(back, small(&a));
    }

    #[test]
    fn what_is_no_vector_is_none() {
        for vector in [
            vec![],
            vec![0.0; 8],
            vec![f32::NAN, 1.0],
            vec![f32::INFINITY],
            vec![1.0; 5_000],
        ] {
            assert_eq!(Small::of(&vector), None);
        }
        assert_eq!(Small::from_bytes(&[1, 2, 3, 4]), None);
        assert_eq!(Small::from_bytes(&f32::NAN.to_le_bytes()), None);
        let small = |n| Small::of(&vec![1.0; n]);
        assert!(Vectors::of(&[small(3), small(4)]).is_none());
        assert!(Vectors::of(&[None]).is_none());
        let three = Vectors::of(&[small(3)]).unwrap();
        assert_eq!(three.cosines(&small(4).unwrap()).count(), 0);
    }
}
