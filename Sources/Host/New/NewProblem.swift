/// Why `new` wrote nothing, with a way out.
struct NewProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
