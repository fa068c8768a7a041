/// Something whose properties are settings: a stage, a resource, or a group of settings inside one.
///
/// Its `@Setting`, `@Uses` and `@State` properties are the declaration. `Decodable` is there for the compiler to write
/// the initializer that puts checked values in; nothing is decoded from anywhere but a pipeline file.
public protocol Configurable: Sendable, Decodable {
    /// An instance with every default, which also serves as the declaration of its settings. What a type declares is
    /// asked once: a default is the same each time.
    init()
}
