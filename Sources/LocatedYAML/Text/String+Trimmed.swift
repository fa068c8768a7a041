extension StringProtocol {
    /// Without spaces around it.
    package var trimmedSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
