/// Finds what a misspelt word was meant to be.
package enum Spelling {
    /// Longer words are no misspelling of a name.
    private static let longest = 64

    /// The word that is nearest in spelling, the first of those that are equally near; `nil` where none is near enough.
    ///
    /// An added, a missing, a wrong letter and two swapped ones are one mistake each; of three letters one may be
    /// wrong. Case counts for nothing.
    package static func nearest(to word: String, among words: some Sequence<String>) -> String? {
        let letters = Array(word.lowercased())
        guard !letters.isEmpty, letters.count <= longest else { return nil }
        var best: (word: String, mistakes: Int)?
        for candidate in words where candidate != word {
            let other = Array(candidate.lowercased())
            let allowed = max(1, max(letters.count, other.count) / 3)
            guard other.count <= longest, abs(other.count - letters.count) <= allowed else { continue }
            let mistakes = distance(letters, other)
            // A word of which nothing is left is no misspelling: `a` is not `b`.
            guard mistakes <= allowed, mistakes < min(letters.count, other.count) else { continue }
            if mistakes < best?.mistakes ?? .max { best = (candidate, mistakes) }
        }
        return best?.word
    }

    /// The Damerau-Levenshtein distance, in which nothing is edited twice.
    private static func distance(_ left: [Character], _ right: [Character]) -> Int {
        var twoAbove: [Int] = []
        var above = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                var cost = min(above[column + 1], current[column]) + 1
                cost = min(cost, above[column] + (left[row] == right[column] ? 0 : 1))
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, twoAbove[column - 1] + 1)
                }
                current.append(cost)
            }
            (twoAbove, above) = (above, current)
        }
        return above[right.count]
    }
}
