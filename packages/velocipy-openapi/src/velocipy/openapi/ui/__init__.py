"""The pages that show the document, and the files of Swagger UI, which are in the wheel."""
