"""The platform's users: customers, their apps with secrets, and the tokens that merchants grant to apps."""
